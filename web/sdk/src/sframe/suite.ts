// SPDX-License-Identifier: Apache-2.0
// The two cipher suites that are accepted, and HKDF (RFC 5869) over WebCrypto.

import { type Bytes, concat } from "./bytes";

/** A suite of RFC 9605 section 4.5. Lengths in bytes. */
export interface Suite {
  readonly id: 4 | 5;
  readonly hash: "SHA-256" | "SHA-512";
  /** Nh: the length of the hash, and of every secret of the key schedule. */
  readonly secretLength: number;
  readonly keyLength: number;
}

export const NONCE_LENGTH = 12;
export const TAG_LENGTH = 16;

const SUITES: readonly Suite[] = [
  { id: 5, hash: "SHA-512", secretLength: 64, keyLength: 32 },
  { id: 4, hash: "SHA-256", secretLength: 32, keyLength: 16 },
];

/** Ids of the suites we speak, preferred first. */
export const SUITE_IDS: readonly number[] = SUITES.map((suite) => suite.id);

/** The suite with this id, or undefined when we do not speak it. */
export function suiteOf(id: number): Suite | undefined {
  return SUITES.find((suite) => suite.id === id);
}

/** HKDF-Extract. An empty `salt` is as many zero bytes as the hash is long, as RFC 5869 section 2.2 says. */
export async function extract(suite: Suite, salt: Bytes, ikm: Bytes): Promise<Bytes> {
  return hmac(suite, salt.length === 0 ? new Uint8Array(suite.secretLength) : salt, ikm);
}

/** HKDF-Expand to `length` bytes. */
export async function expand(suite: Suite, prk: Bytes, info: Bytes, length: number): Promise<Bytes> {
  let block: Bytes = new Uint8Array(0);
  let whole: Bytes = new Uint8Array(0);
  for (let count = 1; whole.length < length; count++) {
    block = await hmac(suite, prk, concat(block, info, Uint8Array.of(count)));
    whole = concat(whole, block);
  }
  return whole.slice(0, length);
}

async function hmac(suite: Suite, key: Bytes, data: Bytes): Promise<Bytes> {
  const imported = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: suite.hash }, false, [
    "sign",
  ]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, data));
}
