// SPDX-License-Identifier: Apache-2.0
// The SFrame header: RFC 9605 section 4.3.

import type { Bytes } from "./bytes";

/** A header as it stood at the begin of the bytes; `length` bytes of them. */
export interface Header {
  readonly kid: bigint;
  readonly ctr: bigint;
  readonly length: number;
}

/** The bytes do not begin with an SFrame header of minimal length. */
export class MalformedHeader extends Error {}

const LARGEST = (1n << 64n) - 1n;

/** Reads the header at the begin of `bytes`; throws MalformedHeader, also when it is longer than it has to be. */
export function readHeader(bytes: Uint8Array): Header {
  const config = bytes[0];
  if (config === undefined) throw new MalformedHeader("no header");
  const [kid, behindKid] = readField(bytes, config >> 4, 1);
  const [ctr, length] = readField(bytes, config & 0x0f, behindKid);
  return { kid, ctr, length };
}

/** Writes the header of minimal length; throws RangeError beyond 64 bits. */
export function writeHeader(kid: bigint, ctr: bigint): Bytes {
  const kidBytes = bigEndian(kid);
  const ctrBytes = bigEndian(ctr);
  const config = (nibble(kid, kidBytes.length) << 4) | nibble(ctr, ctrBytes.length);
  return Uint8Array.of(config, ...kidBytes, ...ctrBytes);
}

/** One half of the config byte: the extension flag and either the value or the length of the value less one. */
function readField(bytes: Uint8Array, half: number, at: number): [value: bigint, end: number] {
  const low = half & 0x07;
  if ((half & 0x08) === 0) return [BigInt(low), at];
  const end = at + low + 1;
  if (end > bytes.length) throw new MalformedHeader("the header is cut short");
  let value = 0n;
  for (let index = at; index < end; index++) value = (value << 8n) | BigInt(bytes[index] ?? 0);
  if (value < 8n || bytes[at] === 0) throw new MalformedHeader("the header is longer than it has to be");
  return [value, end];
}

function nibble(value: bigint, length: number): number {
  return value < 8n ? Number(value) : 0x08 | (length - 1);
}

function bigEndian(value: bigint): number[] {
  if (value < 0n || value > LARGEST) throw new RangeError("more than 64 bits");
  const bytes: number[] = [];
  if (value < 8n) return bytes;
  for (let rest = value; rest > 0n; rest >>= 8n) bytes.unshift(Number(rest & 0xffn));
  return bytes;
}
