// SPDX-License-Identifier: Apache-2.0
// H.264 access units in Annex B form: protocol/sealing.md section 5. In clear stays what packetisers read on the way; all behind
// the first slice's parameter-set id is one sealed body inside that slice, escaped so that nobody finds a start code in it.

import { type Bytes, concat } from "./bytes";

const START = Uint8Array.of(0, 0, 0, 1);
const ESCAPE = 3;
/** Leading zero bits of the longest number in a slice header (ITU-T H.264 section 9.1). */
const MAX_ZEROS = 31;

/** Types of NAL units (table 7-1): where sealing begins, what stays as it is, what no decoder needs. */
const SLICES: readonly number[] = [1, 5];
const KEPT: readonly number[] = [7, 8, 9];
const LEFT_OUT: readonly number[] = [6, 12];

const typeAt = (frame: Uint8Array, at: number) => (frame[at] ?? 0) & 0x1f;

/** Where the next `00 00 01` begins at or behind `from`; -1 if there is none. */
function startCode(frame: Uint8Array, from: number): number {
  for (let one = frame.indexOf(1, from + 2); one >= 0; one = frame.indexOf(1, one + 1))
    if (frame[one - 1] === 0 && frame[one - 2] === 0) return one - 2;
  return -1;
}

/** The access unit as it is sealed; undefined if it is none, has no slice, or is not understood. */
export function normalised(frame: Bytes): Bytes | undefined {
  const parts: Uint8Array[] = [];
  let start = startCode(frame, 0);
  if (start < 0 || frame.subarray(0, start).some((byte) => byte !== 0)) return undefined;
  while (start >= 0) {
    const at = start + 3;
    const type = typeAt(frame, at);
    if (SLICES.includes(type)) return concat(...parts, START, frame.subarray(at));
    start = startCode(frame, at);
    if (KEPT.includes(type)) {
      let end = start < 0 ? frame.length : start;
      while (end > at && frame[end - 1] === 0) end--;
      parts.push(START, frame.subarray(at, end));
    } else if (!LEFT_OUT.includes(type)) return undefined;
  }
  return undefined;
}

/** Length of the clear bytes of a normalised access unit, sealed or not. */
export function clearPrefix(frame: Uint8Array): number | undefined {
  let at = 0;
  for (;;) {
    if (START.some((byte, index) => frame[at + index] !== byte)) return undefined;
    const nal = at + START.length;
    const type = typeAt(frame, nal);
    if (SLICES.includes(type)) return throughParameterSetId(frame, nal + 1);
    const next = startCode(frame, nal);
    if (!KEPT.includes(type) || next < 0) return undefined;
    // The first zero of the next start code belongs to it.
    at = next - 1;
  }
}

/** Behind the byte in which `pic_parameter_set_id` ends (section 7.3.3), past the escapes. */
function throughParameterSetId(frame: Uint8Array, from: number): number | undefined {
  let at = from;
  let byte = 0;
  let left = 0;
  let zeros = 0;
  const bit = (): number | undefined => {
    if (left === 0) {
      if (zeros >= 2 && frame[at] === ESCAPE) {
        zeros = 0;
        at++;
      }
      const next = frame[at++];
      if (next === undefined) return undefined;
      byte = next;
      zeros = byte === 0 ? zeros + 1 : 0;
      left = 8;
    }
    left--;
    return (byte >> left) & 1;
  };
  // first_mb_in_slice, slice_type, pic_parameter_set_id: unsigned Exp-Golomb numbers (section 9.1).
  for (let field = 0; field < 3; field++) {
    let length = 0;
    for (let read = bit(); read !== 1; read = bit()) {
      if (read === undefined || ++length > MAX_ZEROS) return undefined;
    }
    for (; length > 0; length--) if (bit() === undefined) return undefined;
  }
  return at;
}

function zerosBefore(prefix: Uint8Array): number {
  if (prefix.at(-1) !== 0) return 0;
  return prefix.at(-2) === 0 ? 2 : 1;
}

/** The sealed bytes with escapes; undefined if they end in a zero, which a NAL unit may not: seal again. */
export function escaped(prefix: Uint8Array, sealed: Uint8Array): Bytes | undefined {
  if (sealed.at(-1) === 0) return undefined;
  const out = new Uint8Array(sealed.length + Math.ceil(sealed.length / 2) + 1);
  let length = 0;
  let zeros = zerosBefore(prefix);
  for (const byte of sealed) {
    if (zeros >= 2 && byte <= ESCAPE) {
      out[length++] = ESCAPE;
      zeros = 0;
    }
    out[length++] = byte;
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return out.slice(0, length);
}

/** The sealed bytes without their escapes; undefined unless `escaped` could have made them. */
export function unescaped(prefix: Uint8Array, found: Uint8Array): Bytes | undefined {
  const out = new Uint8Array(found.length);
  let length = 0;
  let zeros = zerosBefore(prefix);
  for (let at = 0; at < found.length; at++) {
    let byte = found[at] as number;
    if (zeros >= 2 && byte <= ESCAPE) {
      const next = found[++at];
      if (byte !== ESCAPE || next === undefined || next > ESCAPE) return undefined;
      byte = next;
      zeros = 0;
    }
    out[length++] = byte;
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return out[length - 1] === 0 ? undefined : out.slice(0, length);
}
