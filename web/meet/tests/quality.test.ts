// SPDX-License-Identifier: Apache-2.0
import type { NetworkQuality } from "@sealroom/sdk";
import { describe, expect, it } from "vitest";
import { barsOf, qualitiesOf, qualityText } from "../src/quality";

const told = (changes: Partial<NetworkQuality> = {}): NetworkQuality => ({
  uplinkNetworkQuality: 1,
  downlinkNetworkQuality: 2,
  uplinkRTT: 40,
  downlinkRTT: 40,
  uplinkLoss: 0,
  downlinkLoss: 1.2,
  remotes: [{ userId: "bob", networkQuality: 4, loss: 6, delay: 120 }],
  ...changes,
});

describe("the mark of a connection", () => {
  it("is the worse of our two ways, and each other's own", () => {
    expect([...qualitiesOf(told())]).toEqual([
      ["", { grade: 2, loss: 1.2, delay: 40 }],
      ["bob", { grade: 4, loss: 6, delay: 120 }],
    ]);
  });

  it("is not there before something is known", () => {
    const nothing = told({ uplinkNetworkQuality: 0, downlinkNetworkQuality: 0, remotes: [] });
    expect(qualitiesOf(nothing).size).toBe(0);
  });

  it.each([
    [{ grade: 1, loss: 0, delay: 39.6 }, 4, "excellent: 0 % loss, 40 ms"],
    [{ grade: 2, loss: 1.2, delay: 40 }, 3, "good: 1 % loss, 40 ms"],
    [{ grade: 3, loss: 0.4, delay: 190 }, 2, "poor: less than 1 % loss, 190 ms"],
    [{ grade: 5, loss: 22, delay: 700 }, 1, "very bad: 22 % loss, 700 ms"],
    [{ grade: 6, loss: 0, delay: 0 }, 0, "gone"],
  ] as const)("%o", (view, bars, text) => {
    expect(barsOf(view)).toBe(bars);
    expect(qualityText(view)).toBe(text);
  });
});
