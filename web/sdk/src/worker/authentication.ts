// SPDX-License-Identifier: Apache-2.0
// The six words that members compare: protocol/sealing.md section 9.

import type { SealedRoom } from "../sealing/port";
import { WORDS } from "../sealing/words.gen";
import { type Bytes, concat, uint, utf8 } from "../sframe/bytes";

const COUNT = 6;
const BITS = 11n;

/** The words of a roster, its members in any order. `key` is the member key, 65 bytes. */
export async function authenticationWords(
  authorityKey: Bytes,
  sdkAppId: number,
  room: SealedRoom,
  members: ReadonlyArray<{ readonly user: string; readonly key: Bytes }>,
): Promise<readonly string[]> {
  // User ids are ASCII: UTF-16 order is the order of their bytes.
  const sorted = [...members].sort((one, other) => (one.user < other.user ? -1 : 1));
  const text = concat(
    utf8("sealroom authentication 1\n"),
    authorityKey,
    uint(sdkAppId, 4),
    uint(room.kind === "number" ? 0 : 1, 1),
    sized(room.id),
    uint(sorted.length, 4),
    ...sorted.flatMap(({ user, key }) => [sized(user), key]),
  );
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", text));
  const bits = digest.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n) >> (256n - BITS * BigInt(COUNT));
  const places = Array.from(
    { length: COUNT },
    (_, place) => (bits >> (BITS * BigInt(COUNT - 1 - place))) & 0x7ffn,
  );
  return places.map((place) => WORDS[Number(place)] as string);
}

function sized(text: string): Bytes {
  const bytes = utf8(text);
  return concat(uint(bytes.length, 2), bytes);
}
