// SPDX-License-Identifier: Apache-2.0
// What is offered: the fewer codecs, the smaller the offer and the clearer what flows.

/** As much of an RTCRtpCodec as choosing needs. */
export interface CodecChoice {
  readonly mimeType: string;
  readonly sdpFmtpLine?: string;
}

const AUDIO = ["audio/opus", "audio/red"];
const VIDEO = ["video/vp8", "video/rtx", "video/h264", "video/vp9", "video/av1"];
/** Among several entries of one codec, the first that has all of these; else the first entry. */
const PROFILE: Readonly<Record<string, readonly RegExp[]>> = {
  "video/h264": [/profile-level-id=42e01f/i, /packetization-mode=1/],
  "video/vp9": [/^$|profile-id=0/],
  "video/av1": [/^$|profile=0/],
};

/**
 * The codecs to offer, most wanted first, one entry each. No comfort noise and no telephone events: they would pass by the
 * transforms.
 */
export function choose<T extends CodecChoice>(kind: "audio" | "video", available: readonly T[]): T[] {
  const wanted = kind === "audio" ? AUDIO : VIDEO;
  return wanted.flatMap((name) => {
    const entries = available.filter((codec) => codec.mimeType.toLowerCase() === name);
    const rules = PROFILE[name] ?? [];
    const best = entries.find(({ sdpFmtpLine = "" }) => rules.every((rule) => rule.test(sdpFmtpLine)));
    return best ?? entries[0] ?? [];
  });
}

/** Payload types and codec names of an offer (`a=rtpmap`), for frames that do not say what they are. */
export function payloadTypes(sdp: string): Array<[number, string]> {
  const found = sdp.matchAll(/^a=rtpmap:(\d+) ([^/\s]+)/gm);
  return [...new Map([...found].map(([, type, name]) => [Number(type), name ?? ""]))];
}
