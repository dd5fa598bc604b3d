// SPDX-License-Identifier: Apache-2.0
// Sealroom's browser SDK.

export type { StreamType } from "./constants";
export { ErrorCode, type ErrorNumber, ExtraCode, RtcError } from "./errors";
export type {
  AudioStatistics,
  ConnectionState,
  EventName,
  EventPayloads,
  NetworkQuality,
  RemoteNetworkQuality,
  RemoteStatistics,
  SealingEventState,
  TRTCStatistics,
  VideoStatistics,
} from "./events";
export type {
  CreateConfig,
  CustomMessage,
  EnterRoomConfig,
  LocalAudioConfig,
  LocalVideoConfig,
  RemoteVideoConfig,
  ScreenShareConfig,
} from "./options";
export type { Grade } from "./quality/grade";
export type { Fault, RefusalReason, RosterMember } from "./sealing/port";
export type { SealingConfig } from "./sealing/sealing";
export type { OperatorKept } from "./session/kept";
export type { OperatorRecord } from "./session/record";
export { TRTC, TRTC as default } from "./trtc";
