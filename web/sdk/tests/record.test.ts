// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { StreamReader } from "../src/call/streams";
import { type Entry, entriesOf } from "../src/quality/report";
import { SERVER_MESSAGE } from "../src/session/messages";
import { parse, WrongShape } from "../src/shape";
import type { Signalling } from "../src/wire.gen";

const RECORD: Signalling.Record = {
  type: "record",
  id: 3,
  takenAt: 2,
  since: 1,
  counts: {
    acceptedPackets: 1,
    forwardedPackets: 2,
    forwardedBytes: 3,
    resentPackets: 4,
    keyFrameRequests: 5,
    customMessages: 6,
    customBytes: 7,
  },
  participants: [
    {
      userId: "alice",
      role: "anchor",
      since: 1,
      address: null,
      client: {},
      tracks: [
        {
          track: "main",
          published: true,
          muted: false,
          loudness: null,
          layers: [
            {
              layer: 2,
              codec: "vp8",
              packets: 1,
              payloadBytes: 2,
              bitRate: null,
              keyFrameAge: 4,
              width: 640,
              height: 360,
              seal: { epoch: 63, step: 15, index: 65_535, firstCounter: 0, lastCounter: 2 ** 40, frames: 9 },
            },
          ],
          refused: [{ reason: "clear_media", packets: 3 }],
        },
      ],
    },
  ],
  more: 0,
};

describe("the operator's record", () => {
  it("is taken as the server writes it", () => {
    expect(parse(JSON.stringify(RECORD), SERVER_MESSAGE)).toEqual(RECORD);
  });

  it("is taken with the longest name that a device may give its system, whatever its letters", () => {
    const [first] = RECORD.participants;
    const named = (os: string) => ({ ...RECORD, participants: [{ ...first, client: { os } }] });
    const longest = named("🦭".repeat(64));
    expect(parse(JSON.stringify(longest), SERVER_MESSAGE)).toEqual(longest);
    for (const os of ["🦭".repeat(65), `${"🦭".repeat(64)}a`, "a".repeat(65)]) {
      expect(() => parse(JSON.stringify(named(os)), SERVER_MESSAGE)).toThrow(WrongShape);
    }
  });

  it("is refused with a field more, or one out of range", () => {
    for (const changed of [
      { ...RECORD, picture: "…" },
      { ...RECORD, more: -1 },
      { ...RECORD, participants: Array(41).fill(RECORD.participants[0]) },
    ]) {
      expect(() => parse(JSON.stringify(changed), SERVER_MESSAGE)).toThrow(WrongShape);
    }
  });
});

describe("stream statistics", () => {
  const report = (...entries: object[]): readonly Entry[] =>
    entriesOf(
      new Map(entries.map((entry) => [(entry as { id: string }).id, entry])) as unknown as RTCStatsReport,
    );
  const camera = (mid: string, bytes: number, timestamp: number) => ({
    id: `in${mid}`,
    type: "inbound-rtp",
    mid,
    bytesReceived: bytes,
    timestamp,
    frameWidth: 640,
    frameHeight: 360,
    framesPerSecond: 14.6,
  });
  const source = (mid: string) =>
    ({ "4": { userId: "alice", track: "main" }, "3": { userId: "alice", track: "audio" } })[mid] as
      | { userId: string; track: Signalling.Track }
      | undefined;
  const send = (mid: string): Signalling.Track | undefined =>
    mid === "0" ? "audio" : mid === "1" ? "main" : undefined;

  it("are told for each user whose stream arrives, with the rate since the report before", () => {
    const reader = new StreamReader();
    const voice = {
      id: "v",
      type: "inbound-rtp",
      mid: "3",
      audioLevel: 0.25,
      bytesReceived: 0,
      timestamp: 1000,
    };
    reader.read(report(camera("4", 1_000, 1_000), voice), source, send);
    const { remoteStatistics } = reader.read(
      report(camera("4", 26_000, 2_000), camera("9", 5, 2_000), voice),
      source,
      send,
    );
    expect(remoteStatistics).toEqual([
      {
        userId: "alice",
        audio: { bitrate: 0, audioLevel: 0.25 },
        video: [{ width: 640, height: 360, frameRate: 15, bitrate: 200, videoType: "big" }],
      },
    ]);
  });

  it("tell no picture where none was decoded", () => {
    const { remoteStatistics } = new StreamReader().read(
      report({ id: "a", type: "inbound-rtp", mid: "4", bytesReceived: 90_000, timestamp: 1 }),
      source,
      send,
    );
    expect(remoteStatistics).toEqual([{ userId: "alice", audio: { bitrate: 0, audioLevel: 0 }, video: [] }]);
  });

  it("of our own name the largest layer of the camera big, the others small", () => {
    const layer = (rid: string, frameWidth: number) => ({
      id: rid,
      type: "outbound-rtp",
      mid: "1",
      bytesSent: 1,
      timestamp: 1,
      frameWidth,
      frameHeight: 10,
      framesPerSecond: 30,
    });
    const microphone = { id: "m", type: "media-source", audioLevel: 0.5, timestamp: 1 };
    const voice = { id: "o", type: "outbound-rtp", mid: "0", mediaSourceId: "m", bytesSent: 1, timestamp: 1 };
    const { localStatistics } = new StreamReader().read(
      report(layer("q", 160), layer("f", 640), microphone, voice),
      source,
      send,
    );
    expect(localStatistics.video.map(({ width, videoType }) => [width, videoType])).toEqual([
      [160, "small"],
      [640, "big"],
    ]);
    expect(localStatistics.audio.audioLevel).toBe(0.5);
  });
});
