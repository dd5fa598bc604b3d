// SPDX-License-Identifier: Apache-2.0
import type { OperatorRecord, TRTCStatistics } from "@sealroom/sdk";
import { describe, expect, it } from "vitest";
import { deviceLines, operatorLines, size, summary } from "../src/record";

type Participant = OperatorRecord["participants"][number];
type Track = Participant["tracks"][number];
type Layer = Track["layers"][number];

const layer = (changes: Partial<Layer> = {}): Layer => ({
  layer: 0,
  codec: "vp8",
  packets: 1_000,
  payloadBytes: 2_500_000,
  bitRate: 300_000,
  keyFrameAge: 3_400,
  width: 320,
  height: 180,
  seal: { epoch: 1, step: 2, index: 7, firstCounter: 0, lastCounter: 1_499, frames: 1_500 },
  ...changes,
});
const track = (changes: Partial<Track> = {}): Track => ({
  track: "main",
  published: true,
  muted: false,
  loudness: null,
  layers: [layer()],
  refused: [],
  ...changes,
});
const alice = (...tracks: Track[]): Participant => ({
  userId: "alice-abc123",
  role: "anchor",
  since: 0,
  address: null,
  client: { sdk: "sealroom-web", version: "0.1.0", os: "Linux x86_64" },
  tracks,
});
const said = (lines: ReturnType<typeof operatorLines>): Record<string, string> =>
  Object.fromEntries(lines.map(({ label, value }) => [label, value]));

describe("what the operator has", () => {
  it("is told in words, track by track", () => {
    expect(said(operatorLines(alice(track()), false))).toMatchObject({
      "Network address": "known to the operator; shown to nobody else",
      Program: "sealroom-web 0.1.0, Linux x86_64",
      Camera: "sent, VP8",
      "Camera: amount": "1,000 packets, 2.5 MB, 300 kbit/s now",
      "Camera: last full picture": "3 s ago, by its open mark",
      "Camera: size": "320 × 180, from the open begin of a full picture",
      "Camera: key in use": "number 1.2 of member 7, frames 0 to 1,499",
    });
  });

  it("sums the layers of a camera up", () => {
    const layers = [layer(), layer({ layer: 1, bitRate: null, keyFrameAge: 400, width: 640, height: 360 })];
    const lines = said(operatorLines(alice(track({ layers })), false));
    expect(lines["Camera: amount"]).toBe("2,000 packets, 5 MB, 2 sizes, 300 kbit/s now");
    expect(lines["Camera: last full picture"]).toBe("just now, by its open mark");
    expect(lines["Camera: size"]).toMatch(/^640 × 360,/);
  });

  it("says nothing that was not seen", () => {
    const muted = track({ track: "audio", muted: true, layers: [] });
    expect(Object.keys(said(operatorLines(alice(muted), false)))).toEqual([
      "In the room",
      "Network address",
      "Program",
      "Sound",
    ]);
    const first = track({
      layers: [layer({ bitRate: null, keyFrameAge: null, width: null, height: null, seal: null })],
    });
    expect(Object.keys(said(operatorLines(alice(first), false))).slice(3)).toEqual([
      "Camera",
      "Camera: amount",
    ]);
  });

  it("names loudness and what was refused", () => {
    const sound = track({ track: "audio", loudness: 30, refused: [{ reason: "clear_media", packets: 1 }] });
    const lines = said(operatorLines(alice(sound), false));
    expect(lines["Sound: loudness"]).toBe("−30 dB");
    expect(lines["Sound: not forwarded"]).toBe("1 packet clear media");
    expect(
      said(operatorLines(alice(track({ track: "audio", loudness: 127 })), false))["Sound: loudness"],
    ).toBe("silence");
  });

  it("shows the own address and nobody else's", () => {
    const you = { ...alice(), address: "203.0.113.5" };
    expect(said(operatorLines(you, true))["Network address"]).toBe("203.0.113.5");
    expect(said(operatorLines(you, false))["Network address"]).not.toContain("203");
  });

  it("of the room is one line", () => {
    const counts = {
      acceptedPackets: 1,
      forwardedPackets: 12_345,
      forwardedBytes: 1_500,
      resentPackets: 0,
      keyFrameRequests: 0,
      customMessages: 1,
      customBytes: 5,
    };
    const record: OperatorRecord = { takenAt: 0, since: 0, counts, participants: [alice()], more: 2 };
    expect(summary(record)).toMatch(
      /^open since .*, 3 participants, 12,345 packets forwarded \(1.5 kB\), 1 message passed on \(5 bytes\)$/,
    );
  });
});

describe("what this device sees", () => {
  const picture = { width: 640, height: 360, frameRate: 15, bitrate: 300, videoType: "big" } as const;
  const own = { ...picture, width: 1280, height: 720, frameRate: 1 };
  const statistics = {
    localStatistics: {
      audio: { bitrate: 0, audioLevel: 0 },
      video: [{ ...picture, videoType: "small" }, own],
    },
    remoteStatistics: [
      {
        userId: "alice",
        audio: { bitrate: 40, audioLevel: 0.5 },
        video: [picture, { ...picture, width: 1920, height: 1080, videoType: "sub" }],
      },
    ],
  } as unknown as TRTCStatistics;

  it("is what opened of others, and what we send of ourselves", () => {
    expect(said(deviceLines(statistics, "alice", false))).toEqual({
      Camera: "640 × 360, 15 pictures a second",
      Screen: "1920 × 1080, 15 pictures a second",
      Sound: "level 50 of 100",
    });
    expect(said(deviceLines(statistics, "bob", true))).toEqual({
      Camera: "1280 × 720, 1 picture a second",
      Sound: "quiet",
    });
  });

  it("is nothing of whom nothing opened", () => {
    for (const nothing of [statistics, null]) {
      expect(said(deviceLines(nothing, "mallory", false))).toEqual({ Camera: "none", Sound: "quiet" });
    }
  });
});

describe("sizes", () => {
  it("are written in the unit that fits", () => {
    expect([0, 999, 1_000, 1_234_567].map(size)).toEqual(["0 bytes", "999 bytes", "1 kB", "1.2 MB"]);
  });
});
