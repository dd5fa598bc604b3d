// SPDX-License-Identifier: Apache-2.0
// From statistics reports, recorded in real calls (tests/browser/record_statistics.py) and altered, to samples.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Expected } from "../src/quality/received";
import type { Entry } from "../src/quality/report";
import { type Measured, Sampler, type Sections, type Surroundings } from "../src/quality/sampler";
import type { Signalling } from "../src/wire.gen";

interface Recording {
  readonly sections: ReadonlyArray<{ mid: string; direction: string; kind: "audio" | "video" }>;
  readonly reports: ReadonlyArray<{ at: number; entries: Entry[] }>;
}

const recording = (browser: "chromium" | "firefox"): Recording =>
  JSON.parse(readFileSync(new URL(`./fixtures/statistics-${browser}.json`, import.meta.url), "utf8"));

const TRACKS: readonly Signalling.Track[] = ["audio", "main", "screen"];
const AROUND: Surroundings = {
  connected: true,
  hidden: false,
  cpu: null,
  memory: null,
  network: null,
  frames: null,
};

/** The first two audio and video slots carry two people. */
function sectionsOf({ sections }: Recording, change: Partial<Expected> = {}): Sections {
  const receiving = sections.filter(({ direction }) => direction === "recvonly");
  return {
    sent: (mid) => TRACKS[sections.findIndex((one) => one.mid === mid && one.direction === "sendonly")],
    expected: (mid) => {
      const slot = receiving.findIndex((one) => one.mid === mid);
      const kind = receiving[slot]?.kind;
      const first = receiving.findIndex((one) => one.kind === kind);
      if (slot < first || slot > first + 1) return undefined;
      const track = kind === "audio" ? "audio" : "main";
      return { slot, userId: slot === first ? "bob" : "carol", track, flows: true, ...change };
    },
  };
}

/** What is measured in each interval of a recording. */
function measured(browser: "chromium" | "firefox", around: Partial<Surroundings> = {}) {
  const recorded = recording(browser);
  const sampler = new Sampler(1_000);
  const sections = sectionsOf(recorded);
  return recorded.reports.map(({ at, entries }) =>
    sampler.read(entries, at, sections, { ...AROUND, ...around }),
  );
}

const streamOf = (one: Measured | undefined, slot: number) =>
  one?.sample.received?.find((stream) => stream.slot === slot);

describe("a call in Chromium", () => {
  const [first, second, third] = measured("chromium");

  it("has no sample before there are two reports", () => {
    expect(first).toBeUndefined();
    expect(second?.sample).toMatchObject({ at: 12_406, span: 2_242, connected: true, hidden: false });
  });

  it("says what it sends, layer by layer, and leaves a section out that nothing was put into", () => {
    const sent = third?.sample.sent ?? [];
    const shapes = sent.map(({ track, layer, width, height }) => [track, layer, width, height]);
    expect(shapes.toSorted()).toEqual([
      ["audio", 0, undefined, undefined],
      ["main", 0, 320, 180],
      ["main", 1, 640, 360],
      ["main", 2, 1280, 720],
    ]);
    expect(sent.find(({ layer }) => layer === 2)).toMatchObject({
      bitRate: 723_053,
      packets: 215,
      resent: 0,
      loss: 0,
      captureRate: 9,
      frameRate: 8,
      limitedBy: "none",
    });
    expect(sent.find(({ track }) => track === "audio")).toMatchObject({ volume: 30, loss: 0, jitter: 14 });
  });

  it("says what arrives, slot by slot, with how long it stood within the interval", () => {
    expect(second?.sample.received?.map(({ slot }) => slot).toSorted((a, b) => a - b)).toEqual([0, 1, 6, 7]);
    expect(streamOf(third, 7)).toMatchObject({
      bitRate: 1_080_860,
      packets: 318,
      lost: 0,
      frameRate: 11,
      width: 1280,
      height: 720,
      dropped: 0,
      freezes: 0,
      frozen: 0,
    });
    expect(streamOf(third, 6)).toMatchObject({ freezes: 1, frozen: 867 });
    expect(streamOf(third, 0)).toMatchObject({ frozen: Math.round((1920 / 124_800) * 2_728), volume: 10 });
  });

  it("knows the line: round trip, rates, what the way up can take", () => {
    expect(third?.sample).toMatchObject({ rtt: 19, upLoss: 0, downLoss: 0, availableUp: 4_538_531 });
    expect(third?.sample.upRate).toBeGreaterThan(1_000_000);
    expect(third?.sample.downRate).toBeGreaterThan(1_000_000);
  });

  it("leaves out what the browser does not say", () => {
    const json = JSON.stringify(third?.sample);
    expect(json).not.toContain("null");
    expect(third?.sample).not.toHaveProperty("cpu");
  });
});

describe("a call in Firefox", () => {
  const [, second, third] = measured("firefox");

  it("says the same, where its report does", () => {
    const sent = third?.sample.sent ?? [];
    expect(sent.map(({ track, layer }) => `${track} ${layer}`).toSorted()).toEqual([
      "audio 0",
      "main 0",
      "main 1",
      "main 2",
    ]);
    const large = sent.find(({ layer }) => layer === 2);
    expect(large).toMatchObject({ width: 640, height: 360, frameRate: 9, loss: 0 });
    expect(large).not.toHaveProperty("limitedBy");
    expect(sent[0]).not.toHaveProperty("volume");
    expect(streamOf(second, 7)).toMatchObject({ freezes: 1, frozen: 419, width: 1280 });
    expect(streamOf(third, 0)).toMatchObject({ frozen: 0, concealed: 0, volume: 30, packets: 102 });
  });

  it("measures the round trip by what the server reports, for its own checks are too few and too coarse", () => {
    // In the first of the two intervals one check was answered, in no time; in the second none was.
    for (const rtt of [second?.sample.rtt, third?.sample.rtt]) {
      expect(rtt).toBeGreaterThan(0);
      expect(rtt).toBeLessThan(50);
    }
    expect(third?.sample.downRate).toBeGreaterThan(1_000_000);
  });
});

/** A report with these video and audio counters in the first slot of each kind. */
function report(time: number, counters: Partial<Entry>, bytes = time): Entry[] {
  const common = { timestamp: time, packetsReceived: bytes, packetsLost: 0, bytesReceived: bytes };
  return [
    { id: "T", type: "transport", timestamp: time, bytesSent: 1, bytesReceived: bytes },
    { id: "V", type: "inbound-rtp", kind: "video", mid: "9", ...common, ...counters },
    { id: "A", type: "inbound-rtp", kind: "audio", mid: "3", ...common, ...counters },
  ] as Entry[];
}

const frozenIn = (one: Measured | undefined, slot: number) => streamOf(one, slot)?.frozen;

describe("standing pictures and sound", () => {
  const recorded = recording("chromium");

  function reads(
    reports: ReadonlyArray<[number, Partial<Entry>, number?]>,
    change: (time: number) => { expect?: Partial<Expected>; around?: Partial<Surroundings> } = () => ({}),
  ) {
    const sampler = new Sampler(0);
    return reports.map(([time, counters, bytes]) => {
      const { expect: expected = {}, around = {} } = change(time);
      const sections = sectionsOf(recorded, expected);
      return sampler.read(report(time, counters, bytes), time, sections, { ...AROUND, ...around });
    });
  }

  it("a picture that stands is told while it does, and not again when the browser counts it", () => {
    const found = reads([
      [2_000, { framesDecoded: 50, freezeCount: 0, totalFreezesDuration: 0 }],
      [4_000, { framesDecoded: 50, freezeCount: 0, totalFreezesDuration: 0 }],
      [6_000, { framesDecoded: 50, freezeCount: 0, totalFreezesDuration: 0 }],
      [8_000, { framesDecoded: 70, freezeCount: 1, totalFreezesDuration: 4.5 }],
      [10_000, { framesDecoded: 99, freezeCount: 1, totalFreezesDuration: 4.5 }],
    ]);
    expect(found.map((one) => frozenIn(one, 6))).toEqual([undefined, 2_000, 2_000, 500, 0]);
  });

  it.each([
    ["muted at its end", (time: number) => ({ expect: { flows: time < 4_000 } })],
    ["muted at its beginning", (time: number) => ({ expect: { flows: time > 2_000 } })],
    ["of somebody else before", (time: number) => ({ expect: { userId: time > 2_000 ? "dave" : "erin" } })],
    ["of a shared screen, which may stand still", () => ({ expect: { track: "screen" as const } })],
    ["with the page in the back", () => ({ around: { hidden: true } })],
  ])("a picture is not judged over an interval in which it was %s", (_, change) => {
    const found = reads(
      [
        [2_000, { framesDecoded: 50, freezeCount: 0, totalFreezesDuration: 0 }],
        [4_000, { framesDecoded: 50, freezeCount: 0, totalFreezesDuration: 0 }],
      ],
      change,
    );
    expect(frozenIn(found[1], 6)).toBeUndefined();
  });

  it("a slot in which nobody speaks is silent, and that is no fault; a dead line is one", () => {
    const spoken = { totalSamplesReceived: 96_000, silentConcealedSamples: 0 };
    const quiet = { totalSamplesReceived: 192_000, silentConcealedSamples: 96_000 };
    const steady = { packetsReceived: 100, framesDecoded: 1 };
    const found = reads([
      [2_000, { ...spoken, ...steady }],
      [4_000, { ...quiet, ...steady }, 4_000],
      [6_000, { ...quiet, ...steady }, 4_000],
    ]);
    expect(frozenIn(found[1], 0)).toBeUndefined();
    expect(frozenIn(found[2], 0)).toBe(2_000);
  });

  it("sound in which packets came is as silent as the browser filled it", () => {
    const found = reads([
      [2_000, { totalSamplesReceived: 96_000, silentConcealedSamples: 0, concealedSamples: 0 }],
      [4_000, { totalSamplesReceived: 192_000, silentConcealedSamples: 24_000, concealedSamples: 48_000 }],
    ]);
    expect(streamOf(found[1], 0)).toMatchObject({ frozen: 500, concealed: 500 });
  });
});

describe("gaps", () => {
  const recorded = recording("chromium");
  const sections = sectionsOf(recorded);

  it("an interval in which the device slept has no sample, and the next begins after it", () => {
    const sampler = new Sampler(0);
    const read = (time: number) => sampler.read(report(time, {}), time, sections, AROUND)?.sample;
    expect(read(2_000)).toBeUndefined();
    expect(read(90_000)).toBeUndefined();
    expect(read(92_000)).toMatchObject({ at: 92_000, span: 2_000 });
  });

  it("counters that begin anew are no rate", () => {
    const sampler = new Sampler(0);
    sampler.read(report(2_000, {}, 500_000), 2_000, sections, AROUND);
    const found = sampler.read(report(4_000, {}, 1_000), 4_000, sections, AROUND);
    expect(streamOf(found, 6)).toMatchObject({ bitRate: 0, packets: 0 });
    expect(found?.sample).not.toHaveProperty("downRate");
  });

  it("two reports at once are one", () => {
    const sampler = new Sampler(0);
    sampler.read(report(2_000, {}), 2_000, sections, AROUND);
    expect(sampler.read(report(2_100, {}), 2_100, sections, AROUND)).toBeUndefined();
    expect(sampler.read(report(4_000, {}), 4_000, sections, AROUND)?.sample.span).toBe(2_000);
  });
});

describe("the rest of a sample", () => {
  it("frames of the sealing worker are those of the interval", () => {
    const recorded = recording("chromium");
    const sampler = new Sampler(0);
    const frames = (sealed: number) => ({ sealed, opened: 2 * sealed, unsent: 1, refused: sealed / 10 });
    const found = recorded.reports.map(({ at, entries }, number) =>
      sampler.read(entries, at, sectionsOf(recorded), { ...AROUND, frames: frames(100 * (number + 1)) }),
    );
    expect(found[2]?.sample.sealing).toEqual({ sealed: 100, opened: 200, unsent: 0, refused: 10 });
  });

  it("loss down is over all packets, loss up by the packets of each stream", () => {
    const sampler = new Sampler(0);
    const recorded = recording("chromium");
    const lossy = (time: number, lost: number): Entry[] => [
      ...report(time, { packetsLost: lost, packetsReceived: time / 2 }),
      {
        id: "OA",
        type: "outbound-rtp",
        kind: "audio",
        mid: "0",
        timestamp: time,
        bytesSent: time,
        packetsSent: time / 20,
      },
      {
        id: "OV",
        type: "outbound-rtp",
        kind: "video",
        mid: "1",
        rid: "f",
        timestamp: time,
        bytesSent: time,
        packetsSent: time / 2,
      },
      { id: "RA", type: "remote-inbound-rtp", localId: "OA", timestamp: time, fractionLost: 0.5 },
      { id: "RV", type: "remote-inbound-rtp", localId: "OV", timestamp: time, fractionLost: 0.06 },
    ];
    sampler.read(lossy(2_000, 0), 2_000, sectionsOf(recorded), AROUND);
    const found = sampler.read(lossy(4_000, 30), 4_000, sectionsOf(recorded), AROUND);
    expect(found?.sample.downLoss).toBe(Math.round((1000 * 60) / 2060));
    expect(found?.sample.upLoss).toBe(Math.round((500 * 100 + 60 * 1000) / 1100));
  });

  it("a report of the server that is not new is not told again", () => {
    const sampler = new Sampler(0);
    const recorded = recording("chromium");
    const stale = (time: number): Entry[] => [
      ...report(time, {}),
      {
        id: "OA",
        type: "outbound-rtp",
        kind: "audio",
        mid: "0",
        timestamp: time,
        bytesSent: time,
        packetsSent: time,
      },
      { id: "RA", type: "remote-inbound-rtp", localId: "OA", timestamp: 1_000, fractionLost: 0.5 },
    ];
    sampler.read(stale(2_000), 2_000, sectionsOf(recorded), AROUND);
    const found = sampler.read(stale(4_000), 4_000, sectionsOf(recorded), AROUND);
    expect(found?.sample.sent?.[0]).not.toHaveProperty("loss");
    expect(found?.sample).not.toHaveProperty("upLoss");
  });

  it("with 25 slots it costs far less than two milliseconds", () => {
    const recorded = recording("chromium");
    const [one, other] = recorded.reports.map(({ entries }) => many(entries));
    const sampler = new Sampler(0);
    const sections: Sections = {
      ...sectionsOf(recorded),
      expected: (mid) => ({ slot: Number(mid) % 64, userId: `user-${mid}`, track: "main", flows: true }),
    };
    const took: number[] = [];
    for (let round = 1; round <= 200; round++) {
      const begin = performance.now();
      const found = sampler.read((round % 2 ? one : other) ?? [], round * 2_000, sections, AROUND);
      took.push(performance.now() - begin);
      if (round > 1) expect(found?.sample.received).toHaveLength(25);
    }
    const median = took.toSorted((a, b) => a - b)[100] ?? Number.NaN;
    expect(median).toBeLessThan(2);
  });
});

/** The same report with 25 received streams. */
function many(entries: readonly Entry[]): Entry[] {
  const [model] = entries.filter(({ type, kind }) => type === "inbound-rtp" && kind === "video");
  const others = entries.filter(({ type }) => type !== "inbound-rtp");
  return [
    ...others,
    ...Array.from(
      { length: 25 },
      (_, number) => ({ ...model, id: `V${number}`, mid: `${number + 3}` }) as Entry,
    ),
  ];
}
