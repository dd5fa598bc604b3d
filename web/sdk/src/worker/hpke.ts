// SPDX-License-Identifier: Apache-2.0
// The one HPKE suite that secrets are sealed with (RFC 9180, base mode): protocol/sealing.md section 8.

import { Aes256Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from "@hpke/core";
import { type Bytes, concat, uint, utf8 } from "../sframe/bytes";
import { contextBytes, type RoomContext } from "../sframe/schedule";

/** A member key pair; the private half cannot be taken out of the browser. */
export async function memberKeyPair(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, false, ["deriveBits"]);
}

/** The 65 bytes of the public half, uncompressed. */
export async function memberKeyBytes(pair: CryptoKeyPair): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
}

/** What binds a sealed secret to its room, epoch, step and receiver. */
export function secretInfo(room: RoomContext, epoch: number, step: number, to: number): Bytes {
  return concat(utf8("sealroom secret 1"), contextBytes(room, epoch), uint(step, 1), uint(to, 4));
}

/** Opens what was sealed to our member key; rejects when it was not. */
export async function openSecret(
  pair: CryptoKeyPair,
  info: Bytes,
  enc: Bytes,
  ciphertext: Bytes,
): Promise<Bytes> {
  const suite = new CipherSuite({
    kem: new DhkemP256HkdfSha256(),
    kdf: new HkdfSha256(),
    aead: new Aes256Gcm(),
  });
  const recipient = await suite.createRecipientContext({ recipientKey: pair, enc, info });
  return new Uint8Array(await recipient.open(ciphertext));
}
