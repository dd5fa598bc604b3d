// SPDX-License-Identifier: Apache-2.0
// What the server may say, checked field by field: protocol/signalling.schema.json.

import { flag, list, object, oneOf, orNull, type Shape, tagged, text, whole } from "../shape";
import {
  type ErrorCode,
  MAX_CUSTOM_FRAME_BYTES,
  MAX_SDP_BYTES,
  MAX_SLOTS,
  type Signalling,
} from "../wire.gen";
import { KEPT } from "./kept";
import { RECORD } from "./record";

const MOST_PARTICIPANTS = 100_000;

const id = whole();
const userId = text(32);
const track = oneOf("audio", "main", "screen");
const slot = whole(0, MAX_SLOTS - 1);
const sdp = text(2 * MAX_SDP_BYTES);
const anyCode: Shape<ErrorCode> = (value) => text(64)(value) as ErrorCode;

const participant = object<Signalling.Participant>({
  userId,
  role: oneOf("anchor", "audience"),
  tracks: list(object<Signalling.PublishedTrack>({ track, muted: flag }), 3),
});
const slots = list(
  object<Signalling.ReceiveSlot>({ slot, kind: oneOf("audio", "video"), mid: text(16) }),
  MAX_SLOTS,
);

export const SERVER_MESSAGE = tagged<Signalling.ServerMessage>("type", {
  entered: object<Signalling.Entered>(
    {
      type: oneOf("entered"),
      id,
      version: whole(1),
      sdp,
      slots,
      participants: list(participant, MOST_PARTICIPANTS),
      sealing: oneOf("required", "optional"),
      serverTime: whole(),
      reports: object<Signalling.Reports>({ sampleEvery: whole(0, 60_000), log: flag }, ["log"]),
      kept: flag,
    },
    ["reports", "kept"],
  ),
  answered: object<Signalling.Answered>({ type: oneOf("answered"), id, sdp, slots }),
  done: object<Signalling.Done>({ type: oneOf("done"), id }),
  refused: object<Signalling.Refused>(
    {
      type: oneOf("refused"),
      id,
      code: anyCode,
      message: text(1024),
      action: text(1024),
      trtc: whole(-(2 ** 31)),
      endpoint: text(1024),
    },
    ["trtc", "endpoint"],
  ),
  record: RECORD,
  kept: KEPT,
  pong: object<Signalling.Pong>({ type: oneOf("pong"), id }),
  "participant-entered": object<Signalling.ParticipantEntered>({
    type: oneOf("participant-entered"),
    participant,
  }),
  "participant-left": object<Signalling.ParticipantLeft>({
    type: oneOf("participant-left"),
    userId,
    reason: oneOf("left", "timeout", "kicked", "role_changed"),
  }),
  "track-published": object<Signalling.TrackPublished>({
    type: oneOf("track-published"),
    userId,
    track,
    muted: flag,
  }),
  "track-unpublished": object<Signalling.TrackUnpublished>({
    type: oneOf("track-unpublished"),
    userId,
    track,
  }),
  "track-muted": object<Signalling.TrackMuted>({ type: oneOf("track-muted"), userId, track, muted: flag }),
  "custom-message": object<Signalling.CustomMessage>({
    type: oneOf("custom-message"),
    userId,
    data: text(Math.ceil((MAX_CUSTOM_FRAME_BYTES * 4) / 3)),
  }),
  "audio-slots": object<Signalling.AudioSlots>({
    type: oneOf("audio-slots"),
    slots: list(object<Signalling.AudioSlot>({ slot, userId: orNull(userId) }), MAX_SLOTS),
  }),
  blocked: object<Signalling.Blocked>({ type: oneOf("blocked"), audio: flag, video: flag }),
  "kicked-out": object<Signalling.KickedOut>({
    type: oneOf("kicked-out"),
    reason: oneOf("kick", "banned", "room_disband"),
  }),
});
