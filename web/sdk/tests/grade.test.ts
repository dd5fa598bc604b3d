// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type Conditions, Grading, grade } from "../src/quality/grade";
import { NetworkQualities } from "../src/quality/network_quality";
import type { Arrived } from "../src/quality/received";
import type { Measured } from "../src/quality/sampler";
import type { Signalling } from "../src/wire.gen";

const of = (conditions: Partial<Conditions>): Conditions => ({
  connected: true,
  loss: null,
  rtt: null,
  jitter: null,
  stutter: null,
  ...conditions,
});

describe("grades", () => {
  it.each([
    [{}, 0],
    [{ connected: false, rtt: 10 }, 6],
    [{ rtt: 50, loss: 0 }, 1],
    [{ rtt: 51, loss: 0 }, 2],
    [{ rtt: 200, loss: 0.5 }, 3],
    [{ rtt: 201 }, 4],
    [{ rtt: 401 }, 5],
    [{ rtt: 20, loss: 0.6 }, 2],
    [{ rtt: 20, loss: 2.1 }, 3],
    [{ rtt: 20, loss: 5.1 }, 4],
    [{ rtt: 20, loss: 10.1 }, 5],
    [{ rtt: 20, jitter: 61 }, 4],
    [{ rtt: 20, stutter: 0.11 }, 5],
  ])("%o is %i", (conditions, expected) => {
    expect(grade(of(conditions))).toBe(expected);
  });

  it("worse counts at once, better when it lasts", () => {
    const grading = new Grading();
    const losses = [0, 0, 20, 0, 20, 0, 0, 3, 0, 0];
    expect(losses.map((loss) => grading.next(of({ loss })))).toEqual([1, 1, 5, 5, 5, 5, 1, 3, 3, 1]);
  });

  it("a connection that is back is graded at once it is twice, one that is gone at once", () => {
    const grading = new Grading();
    const now = [true, false, true, true].map((connected) => grading.next(of({ connected, loss: 0 })));
    expect(now).toEqual([1, 6, 6, 1]);
  });
});

const arrived = (
  userId: string,
  stream: Partial<Signalling.ReceivedStream>,
  track: Signalling.Track = "main",
): Arrived => ({
  stream: { slot: 0, ...stream },
  from: { slot: 0, userId, track, flows: true },
});

const measured = (sample: Partial<Signalling.Sample>, ...streams: Arrived[]): Measured => ({
  sample: { at: 0, span: 2_000, rtt: 40, ...sample },
  arrived: streams,
});

describe("network quality", () => {
  it("has TRTC's names, percent and milliseconds", () => {
    const told = new NetworkQualities().read(measured({ upLoss: 12, downLoss: 60 }));
    expect(told).toEqual({
      uplinkNetworkQuality: 2,
      downlinkNetworkQuality: 4,
      uplinkRTT: 40,
      uplinkLoss: 1.2,
      downlinkRTT: 40,
      downlinkLoss: 6,
      remotes: [],
    });
  });

  it("grades each participant by what of him arrives", () => {
    const { remotes } = new NetworkQualities().read(
      measured(
        {},
        arrived("bob", { packets: 990, lost: 10, jitterBuffer: 60 }),
        arrived("bob", { packets: 100, lost: 0, jitter: 5, jitterBuffer: 40 }, "audio"),
        arrived("carol", { packets: 100, lost: 0, frozen: 300 }),
        arrived("dave", {}),
      ),
    );
    expect(remotes).toEqual([
      { userId: "bob", networkQuality: 2, loss: 0.9, delay: 80 },
      { userId: "carol", networkQuality: 5, loss: 0, delay: 20 },
      { userId: "dave", networkQuality: 1, loss: 0, delay: 20 },
    ]);
  });

  it("takes the jitter of sound, not that of pictures, which grows with their bursts", () => {
    const qualities = new NetworkQualities();
    const { downlinkNetworkQuality } = qualities.read(
      measured({ downLoss: 0 }, arrived("bob", { jitter: 90 }), arrived("bob", { jitter: 10 }, "audio")),
    );
    expect(downlinkNetworkQuality).toBe(1);
  });

  it("is disconnected while there is no session", () => {
    const told = new NetworkQualities().read(undefined);
    expect([told.uplinkNetworkQuality, told.downlinkNetworkQuality, told.remotes]).toEqual([6, 6, []]);
  });
});

describe("docs/quality-device.md", () => {
  const text = readFileSync(new URL("../../../docs/quality-device.md", import.meta.url), "utf8");
  const rows = [...text.matchAll(/^\| ([1-4]) \| \w+ \| (\S+) \| (\S+) \| (\S+) \| (\S+) \|$/gm)].map(
    ([, ...cells]) => cells.map(Number),
  );

  it("says how we grade", () => {
    expect(rows.map(([number]) => number)).toEqual([1, 2, 3, 4]);
    for (const [number = 0, loss = 0, rtt = 0, jitter = 0, stutter = 0] of rows) {
      for (const [name, most] of Object.entries({ loss, rtt, jitter, stutter })) {
        expect(grade(of({ [name]: most })), `${name} ${most}`).toBe(number);
        expect(grade(of({ [name]: most + 0.001 })), `${name} above ${most}`).toBe(number + 1);
      }
    }
  });
});
