// SPDX-License-Identifier: Apache-2.0
// AV1 temporal units: protocol/sealing.md section 5. The whole unit is sealed and travels as the payload of one OBU, which
// packetisers cut and put together without looking into it. In clear is only whether it begins with a sequence header.

import { type Bytes, concat } from "./bytes";

const HAS_SIZE = 0x02;
const HAS_EXTENSION = 0x04;
const FORBIDDEN = 0x80;
const SEQUENCE_HEADER = 1;
const TEMPORAL_DELIMITER = 2;
/** Reserved: no unsealed unit begins so. */
const RESERVED = 14;

/** The clear byte, an OBU header: from a sequence header packetisers mark the begin of a coded video sequence. */
const SEQUENCE = (SEQUENCE_HEADER << 3) | HAS_SIZE;
const OTHER = (RESERVED << 3) | HAS_SIZE;

/** Most bytes of a size (AV1 specification section 4.10.5). */
const MAX_SIZE_BYTES = 8;

/** The unit behind its clear byte; undefined if it is none. */
export function normalised(unit: Uint8Array): Bytes | undefined {
  const type = firstType(unit);
  return type === undefined
    ? undefined
    : concat(Uint8Array.of(type === SEQUENCE_HEADER ? SEQUENCE : OTHER), unit);
}

/** The type of the first OBU that is no temporal delimiter. */
function firstType(unit: Uint8Array): number | undefined {
  let at = 0;
  for (;;) {
    const head = unit[at];
    if (head === undefined || (head & FORBIDDEN) !== 0) return undefined;
    const type = (head >> 3) & 0xf;
    if (type !== TEMPORAL_DELIMITER) return type;
    if ((head & HAS_SIZE) === 0) return undefined;
    const size = readSize(unit, at + ((head & HAS_EXTENSION) === 0 ? 1 : 2));
    if (size === undefined) return undefined;
    at = size.end + size.value;
  }
}

/** Length of the clear bytes of a normalised unit, sealed or not. */
export function clearPrefix(frame: Uint8Array): number | undefined {
  return frame[0] === SEQUENCE || frame[0] === OTHER ? 1 : undefined;
}

/** The sealed bytes with their length in front: with the clear byte they are one OBU. */
export function sized(sealed: Uint8Array): Bytes {
  const size: number[] = [];
  let rest = sealed.length;
  for (; rest > 0x7f; rest >>>= 7) size.push((rest & 0x7f) | 0x80);
  return concat(Uint8Array.of(...size, rest), sealed);
}

/** The sealed bytes without their length; undefined unless `sized` could have made them. */
export function withoutSize(found: Bytes): Bytes | undefined {
  const size = readSize(found, 0);
  if (size === undefined || size.end + size.value !== found.length) return undefined;
  // Minimal: the last group is not empty, unless it is the only one.
  return size.end > 1 && found[size.end - 1] === 0 ? undefined : found.subarray(size.end);
}

/** A `leb128()` number. */
function readSize(data: Uint8Array, from: number): { value: number; end: number } | undefined {
  let value = 0;
  for (let read = 0; read < MAX_SIZE_BYTES; read++) {
    const byte = data[from + read];
    if (byte === undefined) return undefined;
    // Not shifted: the number may have 56 bits.
    value += (byte & 0x7f) * 2 ** (7 * read);
    if (byte < 0x80) return { value, end: from + read + 1 };
  }
  return undefined;
}
