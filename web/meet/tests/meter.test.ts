// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { loudness } from "../src/meter";

/** A tone of an amplitude, as a microphone gives it. */
const tone = (amplitude: number): Float32Array =>
  Float32Array.from({ length: 2048 }, (_, at) => amplitude * Math.sin(at / 7));

describe("the microphone meter", () => {
  it("does not move in silence, nor in the noise of a quiet room", () => {
    expect(loudness(new Float32Array(2048))).toBe(0);
    expect(loudness(tone(0.001))).toBe(0);
  });

  it("rises evenly with every doubling, as it is heard", () => {
    const levels = [0.02, 0.04, 0.08, 0.16].map((amplitude) => loudness(tone(amplitude)));
    const steps = levels.slice(1).map((level, at) => level - (levels[at] ?? 0));
    for (const step of steps) expect(step).toBeCloseTo(6.02 / 50, 2);
  });

  it("is full for a voice close by, and never more than full", () => {
    expect(loudness(tone(0.5))).toBe(1);
    expect(loudness(tone(1))).toBe(1);
  });
});
