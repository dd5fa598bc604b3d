// SPDX-License-Identifier: Apache-2.0
// What of a frame stays readable, and the metadata that binds it: protocol/sealing.md section 5.

import * as av1 from "./av1";
import { type Bytes, concat, uint } from "./bytes";
import * as h264 from "./h264";

/** Codecs as the metadata numbers them. */
export const CODEC_NUMBER = { opus: 1, red: 2, vp8: 3, vp9: 4, h264: 5, av1: 6, data: 7 } as const;
export type Codec = keyof typeof CODEC_NUMBER;

const VP8_KEY_FRAME = 10;
const VP8_OTHER = 3;

/**
 * How many bytes at the begin of `frame` stay in clear, from these bytes alone, so that both ends find the same; undefined
 * when the frame is not understood and has to be dropped.
 */
export function clearPrefixLength(codec: Codec, frame: Uint8Array): number | undefined {
  switch (codec) {
    case "opus":
    case "red":
    case "vp9":
    case "data":
      return 0;
    case "vp8": {
      const first = frame[0];
      if (first === undefined) return undefined;
      const length = (first & 1) === 0 ? VP8_KEY_FRAME : VP8_OTHER;
      return frame.length < length ? undefined : length;
    }
    case "h264":
      return h264.clearPrefix(frame);
    case "av1":
      return av1.clearPrefix(frame);
  }
}

/** How frames of a codec are brought into the form in which they are sealed and travel. */
interface Form {
  normalised(frame: Bytes): Bytes | undefined;
  carried(prefix: Uint8Array, sealed: Bytes): Bytes | undefined;
  uncarried(prefix: Uint8Array, found: Bytes): Bytes | undefined;
  restored(prefix: Uint8Array, body: Bytes): Bytes;
}

const AS_IT_IS: Form = {
  normalised: (frame) => frame,
  carried: (_prefix, sealed) => sealed,
  uncarried: (_prefix, found) => found,
  restored: concat,
};
const FORMS: Partial<Record<Codec, Form>> = {
  h264: { ...AS_IT_IS, normalised: h264.normalised, carried: h264.escaped, uncarried: h264.unescaped },
  av1: {
    normalised: av1.normalised,
    carried: (_prefix, sealed) => av1.sized(sealed),
    uncarried: (_prefix, found) => av1.withoutSize(found),
    // The clear byte was never one of the encoder's.
    restored: (_prefix, body) => body,
  },
};
const formOf = (codec: Codec): Form => FORMS[codec] ?? AS_IT_IS;

/** A frame in the form in which it is sealed; undefined when it is not understood and has to be dropped. */
export function normalised(codec: Codec, frame: Bytes): Bytes | undefined {
  return formOf(codec).normalised(frame);
}

/** `sealed` as it may stand behind `prefix`; undefined when it may not, and another counter has to be tried. */
export function carried(codec: Codec, prefix: Uint8Array, sealed: Bytes): Bytes | undefined {
  return formOf(codec).carried(prefix, sealed);
}

/** What `carried` was given; undefined when it cannot have made `found`. */
export function uncarried(codec: Codec, prefix: Uint8Array, found: Bytes): Bytes | undefined {
  return formOf(codec).uncarried(prefix, found);
}

/** What the decoder gets of an opened frame. */
export function restored(codec: Codec, prefix: Uint8Array, body: Bytes): Bytes {
  return formOf(codec).restored(prefix, body);
}

/** The metadata of RFC 9605: `u8 track | u8 codec | u16 len(prefix) | prefix`. */
export function frameMetadata(track: number, codec: Codec, prefix: Uint8Array): Bytes {
  return concat(Uint8Array.of(track, CODEC_NUMBER[codec]), uint(prefix.length, 2), prefix);
}

/** The codec of a MIME type as WebRTC writes it ("video/VP8"); undefined for what we do not know. */
export function codecOf(mimeType: string): Codec | undefined {
  const name = mimeType.slice(mimeType.indexOf("/") + 1).toLowerCase();
  return Object.hasOwn(CODEC_NUMBER, name) && name !== "data" ? (name as Codec) : undefined;
}
