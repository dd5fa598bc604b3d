// SPDX-License-Identifier: Apache-2.0
// From a room's secret to the key of one sender's track: protocol/sealing.md sections 2 to 4.

import { type Bytes, concat, uint, utf8 } from "./bytes";
import { expand, extract, type Suite } from "./suite";

/** Which room of which application, in which life of its authority. `room` is the number in decimal or the string. */
export interface RoomContext {
  readonly suite: Suite;
  readonly app: number;
  readonly kind: "number" | "string";
  readonly room: string;
  /** 16 bytes. */
  readonly instance: Bytes;
}

/** The tracks of a sender as the key schedule numbers them. */
export const TRACK_NUMBER = { audio: 1, main: 2, screen: 3, data: 4 } as const;
export type SealedTrack = keyof typeof TRACK_NUMBER;

export const LAST_STEP = 15;
export const LAST_INDEX = 0xffff;

/** What a KID says. `epoch` is the epoch modulo 64. */
export interface KeyId {
  readonly epoch: number;
  readonly step: number;
  readonly index: number;
  readonly track: number;
}

/** The bytes that bind every secret to its room and epoch. */
export function contextBytes(room: RoomContext, epoch: number): Bytes {
  const name = utf8(room.room);
  return concat(
    utf8("sealroom 1"),
    uint(room.suite.id, 2),
    uint(room.app, 4),
    uint(room.kind === "number" ? 0 : 1, 1),
    uint(name.length, 2),
    name,
    room.instance,
    uint(epoch, 8),
  );
}

/** s_0 of an epoch. Only an authority knows the epoch secret; devices are sent s_k. */
export async function firstSecret(room: RoomContext, epoch: number, epochSecret: Bytes): Promise<Bytes> {
  const salt = new Uint8Array(await crypto.subtle.digest("SHA-256", contextBytes(room, epoch)));
  return extract(room.suite, salt, epochSecret);
}

/** s_(k+1) from s_k. */
export async function nextSecret(suite: Suite, secret: Bytes): Promise<Bytes> {
  return expand(suite, secret, utf8("sealroom step"), suite.secretLength);
}

/** The RFC 9605 `base_key` of one sender's track. `secret` is s_step. */
export async function baseKey(
  suite: Suite,
  secret: Bytes,
  about: { epoch: number; step: number; index: number; track: number },
): Promise<Bytes> {
  const info = concat(
    utf8("sealroom sender"),
    uint(about.epoch, 8),
    uint(about.step, 1),
    uint(about.index, 4),
    uint(about.track, 1),
  );
  return expand(suite, secret, info, suite.secretLength);
}

/** The KID of one sender's track: 30 bits. */
export function writeKeyId(id: KeyId): bigint {
  return BigInt((id.epoch % 64) * 2 ** 24 + id.step * 2 ** 20 + id.index * 16 + id.track);
}

/** Takes a KID apart; undefined when it has more than 30 bits and so is none of ours. */
export function readKeyId(kid: bigint): KeyId | undefined {
  if (kid >= 1n << 30n) return undefined;
  const bits = Number(kid);
  return { epoch: bits >>> 24, step: (bits >>> 20) & 0x0f, index: (bits >>> 4) & 0xffff, track: bits & 0x0f };
}
