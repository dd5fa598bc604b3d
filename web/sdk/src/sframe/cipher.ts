// SPDX-License-Identifier: Apache-2.0
// One SFrame key at work: RFC 9605 sections 4.4.2 and 4.4.3.

import { type Bytes, concat, uint, utf8 } from "./bytes";
import { writeHeader } from "./header";
import { expand, extract, NONCE_LENGTH, type Suite } from "./suite";

/** The tag does not fit: wrong key, or any bit of header, metadata, ciphertext or tag is not what was sealed. */
export class BadTag extends Error {}

/** Key and salt of one KID. The key cannot be taken out again. */
export class FrameCipher {
  private constructor(
    readonly kid: bigint,
    private readonly key: CryptoKey,
    private readonly salt: Bytes,
  ) {}

  /** Derives key and salt from `baseKey` and `kid`. */
  static async derive(suite: Suite, kid: bigint, baseKey: Bytes): Promise<FrameCipher> {
    const secret = await extract(suite, new Uint8Array(0), baseKey);
    const about = concat(uint(kid, 8), uint(suite.id, 2));
    const raw = await expand(suite, secret, concat(utf8("SFrame 1.0 Secret key "), about), suite.keyLength);
    const salt = await expand(suite, secret, concat(utf8("SFrame 1.0 Secret salt "), about), NONCE_LENGTH);
    const key = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
    raw.fill(0);
    secret.fill(0);
    return new FrameCipher(kid, key, salt);
  }

  /** header | ciphertext | tag. **A counter must never be used twice with one base key.** */
  async seal(ctr: bigint, metadata: Bytes, body: Bytes): Promise<Bytes> {
    const header = writeHeader(this.kid, ctr);
    const sealed = await crypto.subtle.encrypt(this.algorithm(ctr, header, metadata), this.key, body);
    return concat(header, new Uint8Array(sealed));
  }

  /** Opens what lies behind `header`; throws BadTag. */
  async open(ctr: bigint, header: Bytes, metadata: Bytes, sealed: Bytes): Promise<Bytes> {
    try {
      return new Uint8Array(
        await crypto.subtle.decrypt(this.algorithm(ctr, header, metadata), this.key, sealed),
      );
    } catch {
      throw new BadTag("the tag does not fit");
    }
  }

  private algorithm(ctr: bigint, header: Bytes, metadata: Bytes): AesGcmParams {
    const iv = this.salt.slice();
    const low = new DataView(iv.buffer, NONCE_LENGTH - 8);
    low.setBigUint64(0, low.getBigUint64(0) ^ ctr);
    return { name: "AES-GCM", iv, additionalData: concat(header, metadata) };
  }
}
