// SPDX-License-Identifier: Apache-2.0
// The operator's own record of a call, checked field by field: protocol/signalling.schema.json.

import { flag, list, object, oneOf, orNull, text, whole } from "../shape";
import { MAX_RECORDED_PARTICIPANTS, type Signalling } from "../wire.gen";

/** What the operator says that it has of this call. Its word: a member can compare, but not verify it. */
export type OperatorRecord = Omit<Signalling.Record, "type" | "id">;

const MOST_LAYERS = 3;
const MOST_REASONS = 64;

const seal = object<Signalling.SealSeen>({
  epoch: whole(0, 63),
  step: whole(0, 15),
  index: whole(0, 0xffff),
  firstCounter: whole(),
  lastCounter: whole(),
  frames: whole(),
});
const layer = object<Signalling.LayerRecord>({
  layer: whole(0, MOST_LAYERS - 1),
  codec: text(16),
  packets: whole(),
  payloadBytes: whole(),
  bitRate: orNull(whole()),
  keyFrameAge: orNull(whole()),
  width: orNull(whole(0, 0xffff)),
  height: orNull(whole(0, 0xffff)),
  seal: orNull(seal),
});
const track = object<Signalling.TrackRecord>({
  track: oneOf("audio", "main", "screen"),
  published: flag,
  muted: flag,
  loudness: orNull(whole(0, 127)),
  layers: list(layer, MOST_LAYERS),
  refused: list(object<Signalling.RefusedPackets>({ reason: text(64), packets: whole() }), MOST_REASONS),
});
const participant = object<Signalling.ParticipantRecord>({
  userId: text(32),
  role: oneOf("anchor", "audience"),
  since: whole(),
  address: orNull(text(64)),
  client: object<Signalling.ClientInfo>({ sdk: text(64), version: text(32), os: text(64) }, [
    "sdk",
    "version",
    "os",
  ]),
  tracks: list(track, 3),
});

export const RECORD = object<Signalling.Record>({
  type: oneOf("record"),
  id: whole(),
  takenAt: whole(),
  since: whole(),
  counts: object<Signalling.RoomCounts>({
    acceptedPackets: whole(),
    forwardedPackets: whole(),
    forwardedBytes: whole(),
    resentPackets: whole(),
    keyFrameRequests: whole(),
    customMessages: whole(),
    customBytes: whole(),
  }),
  participants: list(participant, MAX_RECORDED_PARTICIPANTS),
  more: whole(),
});
