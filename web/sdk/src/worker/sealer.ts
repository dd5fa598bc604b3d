// SPDX-License-Identifier: Apache-2.0

import { type Bytes, concat } from "../sframe/bytes";
import { type Codec, carried, clearPrefixLength, frameMetadata, normalised } from "../sframe/frame";
import { type SealedTrack, TRACK_NUMBER } from "../sframe/schedule";
import type { SendingKey } from "./ring";

/** Why a frame of ours was not sent. */
export type Unsent = "no_key" | "malformed" | "used_up" | "unlucky";

/** Counters tried for one frame, where its codec does not let all bytes stand (protocol/sealing.md section 5). */
const TRIES = 10;
/** What a length in the metadata can say. */
const MAX_PREFIX = 0xffff;

/** Where a sealer gets its key from; undefined when nothing may be sent now. */
export interface SendingKeys {
  sendingKey(track: number): Promise<SendingKey | undefined>;
}

/** Seals the frames of one track: all its simulcast layers, one counter. */
export class Sealer {
  private readonly number: number;

  constructor(
    readonly track: SealedTrack,
    private readonly keys: SendingKeys,
  ) {
    this.number = TRACK_NUMBER[track];
  }

  /** The sealed frame, or why there is none. There is no way through for a clear one. */
  async seal(frame: Bytes, codec: Codec | undefined): Promise<Bytes | Unsent> {
    if (codec === undefined) return "malformed";
    const whole = normalised(codec, frame);
    const clear = whole && clearPrefixLength(codec, whole);
    if (whole === undefined || clear === undefined || clear > MAX_PREFIX) return "malformed";
    const key = await this.keys.sendingKey(this.number);
    if (key === undefined) return "no_key";
    const prefix = whole.slice(0, clear);
    const metadata = frameMetadata(this.number, codec, prefix);
    for (let tried = 0; tried < TRIES; tried++) {
      const counter = key.take();
      if (counter === undefined) return "used_up";
      const sealed = carried(codec, prefix, await key.cipher.seal(counter, metadata, whole.slice(clear)));
      if (sealed) return concat(prefix, sealed);
    }
    return "unlucky";
  }
}
