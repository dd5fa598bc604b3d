// SPDX-License-Identifier: Apache-2.0
// Bytes and the texts they travel as. All integers are unsigned and big-endian.

/** Bytes over an own, unshared buffer: what WebCrypto takes. */
export type Bytes = Uint8Array<ArrayBuffer>;

const encoder = new TextEncoder();
const B64U = /^[A-Za-z0-9_-]*$/;

/** UTF-8 of a text. */
export function utf8(text: string): Bytes {
  return encoder.encode(text) as Bytes;
}

/** The parts one behind the other. */
export function concat(...parts: Uint8Array[]): Bytes {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** `value` in `width` bytes; throws RangeError when it does not fit. */
export function uint(value: bigint | number, width: number): Bytes {
  const bytes = new Uint8Array(width);
  if (typeof value === "bigint") {
    let rest = value;
    for (let at = width - 1; at >= 0; at--, rest >>= 8n) bytes[at] = Number(rest & 0xffn);
    if (rest === 0n) return bytes;
  } else {
    // Not by way of bigint: this is done for every frame.
    let rest = value;
    for (let at = width - 1; at >= 0; at--, rest = Math.floor(rest / 256)) bytes[at] = rest % 256;
    if (rest === 0 && Number.isSafeInteger(value)) return bytes;
  }
  throw new RangeError(`${value} does not fit into ${width} bytes`);
}

/** base64url without padding (RFC 4648 section 5). */
export function toB64u(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Reads base64url without padding; throws SyntaxError on anything else, also on bits set behind the end. */
export function fromB64u(text: string): Bytes {
  if (!B64U.test(text) || text.length % 4 === 1) throw new SyntaxError("not base64url");
  const raw = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = new Uint8Array(raw.length);
  for (let at = 0; at < raw.length; at++) bytes[at] = raw.charCodeAt(at);
  if (toB64u(bytes) !== text) throw new SyntaxError("base64url with bits behind the end");
  return bytes;
}
