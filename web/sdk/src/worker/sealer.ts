// SPDX-License-Identifier: Apache-2.0

import { type Bytes, concat } from "../sframe/bytes";
import { type Codec, clearPrefixLength, frameMetadata } from "../sframe/clear_prefix";
import { type SealedTrack, TRACK_NUMBER } from "../sframe/schedule";
import type { SendingKey } from "./ring";

/** Why a frame of ours was not sent. */
export type Unsent = "no_key" | "malformed" | "used_up";

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
    const clear = codec && clearPrefixLength(codec, frame);
    if (codec === undefined || clear === undefined) return "malformed";
    const key = await this.keys.sendingKey(this.number);
    if (key === undefined) return "no_key";
    const counter = key.take();
    if (counter === undefined) return "used_up";
    const prefix = frame.slice(0, clear);
    const metadata = frameMetadata(this.number, codec, prefix);
    return concat(prefix, await key.cipher.seal(counter, metadata, frame.slice(clear)));
  }
}
