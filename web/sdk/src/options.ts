// SPDX-License-Identifier: Apache-2.0
// What callers give, checked before anything is started.

import type { StreamType } from "./constants";
import { ErrorCode, ExtraCode, RtcError } from "./errors";
import type { SealedRoom } from "./sealing/port";
import type { SealingConfig } from "./sealing/sealing";

const USER_ID = /^[a-zA-Z0-9_-]{1,32}$/;
const ROOM_STRING = /^[a-zA-Z0-9 !#$%&()+\-:;<=.>?@[\]^_{}|~,]{1,64}$/;
const LARGEST_ROOM = 4294967294;

/** `TRTC.create` */
export interface CreateConfig {
  /** Where the sealing worker's script lies, on the page's own origin. Needed for sealed calls. */
  sealingWorker?: string | URL;
  /**
   * Whether the operator may be sent the SDK's log: warnings and errors as stable words and numbers, without names, addresses or
   * sentences. Default true; it is sent only where the operator asks for it.
   */
  log?: boolean;
}

/** `enterRoom`. Exactly one of `roomId` and `strRoomId`; with both, `roomId` counts, as in TRTC. */
export interface EnterRoomConfig {
  sdkAppId: number;
  userId: string;
  userSig: string;
  roomId?: number;
  strRoomId?: string;
  privateMapKey?: string;
  scene?: "rtc" | "live";
  role?: "anchor" | "audience";
  /** WebSocket address of the operator's signalling. */
  server: string;
  /** Given: sealed or nothing. Not given: the operator can read the call. Never inferred from what the server says. */
  sealing?: SealingConfig;
}

/** Where a picture goes: an element, its id, or nowhere for the time being. */
export type View = HTMLElement | string | null;

export interface LocalAudioConfig {
  publish?: boolean;
  mute?: boolean;
  option?: {
    microphoneId?: string;
    audioTrack?: MediaStreamTrack;
    echoCancellation?: boolean;
    autoGainControl?: boolean;
    noiseSuppression?: boolean;
  };
}

export interface LocalVideoConfig {
  view?: View;
  publish?: boolean;
  mute?: boolean;
  option?: {
    cameraId?: string;
    useFrontCamera?: boolean;
    profile?: keyof typeof import("./media/profiles").VIDEO_PROFILES;
    fillMode?: "contain" | "cover" | "fill";
    mirror?: boolean;
    videoTrack?: MediaStreamTrack;
  };
}

/** `startScreenShare`. The picture only: a room has one audio track for each member, and that is the microphone. */
export interface ScreenShareConfig {
  view?: View;
  publish?: boolean;
  option?: {
    profile?: keyof typeof import("./media/profiles").SCREEN_PROFILES;
    fillMode?: "contain" | "cover" | "fill";
    /** Instead of what the browser lets the person choose. */
    videoTrack?: MediaStreamTrack;
    /** Which kind of source the browser offers first. */
    preferDisplaySurface?: "browser" | "window" | "monitor";
    /** Whether this page's own tab may be chosen. */
    selfBrowserSurface?: "include" | "exclude";
    /** `clear` keeps text legible and drops pictures; `smooth` the other way round. */
    qosPreference?: "clear" | "smooth";
  };
}

export interface RemoteVideoConfig {
  userId: string;
  streamType: StreamType;
  view?: View;
  option?: {
    fillMode?: "contain" | "cover" | "fill";
    mirror?: boolean;
    /** The smallest layer; else the largest. */
    small?: boolean;
    /** A layer of its own choice: 0 is the smallest, 2 the largest. Goes before `small`. */
    layer?: 0 | 1 | 2;
  };
}

/** `sendCustomMessage` */
export interface CustomMessage {
  /** 1 to 10. */
  cmdId: number;
  /** At most 1,024 bytes. */
  data: ArrayBuffer;
}

/** A checked `EnterRoomConfig`; `room` is the room as grants name it. */
export interface CheckedEntry extends EnterRoomConfig {
  readonly room: SealedRoom;
}

/** Checks what can be checked without a server; throws RtcError. */
export function checkEntry(config: EnterRoomConfig): CheckedEntry {
  if (!Number.isInteger(config.sdkAppId) || config.sdkAppId < 1 || config.sdkAppId > 0xffff_ffff) {
    throw invalid("sdkAppId is not a number from 1 to 4294967295.", "Use the number of your application.");
  }
  if (typeof config.userId !== "string" || !USER_ID.test(config.userId)) {
    throw invalid("userId is not valid.", "Use 1 to 32 characters of a-z, A-Z, 0-9, _ and -.");
  }
  if (typeof config.userSig !== "string" || config.userSig === "") {
    throw invalid("userSig is missing.", "Get one from your backend.");
  }
  checkAddress(config.server, "server");
  if (config.sealing !== undefined) {
    checkAddress(config.sealing.authority, "sealing.authority");
    if (typeof config.sealing.grant !== "function") {
      throw invalid(
        "sealing.grant is not a function.",
        "Give a function that gets a grant from your backend.",
      );
    }
  }
  return { ...config, room: roomOf(config) };
}

function roomOf({ roomId, strRoomId }: EnterRoomConfig): SealedRoom {
  if (roomId !== undefined && roomId !== 0) {
    if (Number.isInteger(roomId) && roomId >= 1 && roomId <= LARGEST_ROOM)
      return { kind: "number", id: String(roomId) };
    throw invalid(
      "roomId is not a number from 1 to 4294967294.",
      "Use another roomId.",
      ExtraCode.ROOM_ID_RANGE,
    );
  }
  if (strRoomId === undefined || strRoomId === "") {
    throw invalid("There is no roomId and no strRoomId.", "Give one of them.", ExtraCode.ROOM_ID_MISSING);
  }
  if (typeof strRoomId === "string" && ROOM_STRING.test(strRoomId)) return { kind: "string", id: strRoomId };
  const action = "Use 1 to 64 letters, digits, spaces and the signs that TRTC allows.";
  throw invalid("strRoomId is not valid.", action, ExtraCode.ROOM_STRING_INVALID);
}

function checkAddress(address: unknown, name: string): void {
  const scheme = typeof address === "string" && URL.canParse(address) ? new URL(address).protocol : "";
  if (scheme !== "ws:" && scheme !== "wss:") {
    throw invalid(`${name} is not a WebSocket address.`, "Use wss://… (ws:// on loopback).");
  }
}

function invalid(message: string, action: string, extraCode = 0): RtcError {
  return new RtcError(ErrorCode.INVALID_PARAMETER, message, { action, extraCode, functionName: "enterRoom" });
}
