// SPDX-License-Identifier: Apache-2.0
// How good a connection is, in a word, bars and numbers.

import type { Grade, NetworkQuality } from "@sealroom/sdk";

/** Of one participant; our own stands under the empty name. */
export interface QualityView {
  readonly grade: Grade;
  /** Percent. */
  readonly loss: number;
  /** Milliseconds: of others until they are seen and heard here, of ourselves to the server and back. */
  readonly delay: number;
}

export const MOST_BARS = 4;
const WORDS = ["unknown", "excellent", "good", "poor", "bad", "very bad", "gone"] as const;
const BARS = [0, 4, 3, 2, 1, 1, 0] as const;

/** Everybody of whom something is known. */
export function qualitiesOf(told: NetworkQuality): ReadonlyMap<string, QualityView> {
  const own = {
    grade: Math.max(told.uplinkNetworkQuality, told.downlinkNetworkQuality) as Grade,
    loss: Math.max(told.uplinkLoss, told.downlinkLoss),
    delay: told.uplinkRTT,
  };
  const others = told.remotes.map(({ userId, networkQuality, loss, delay }) => ({
    userId,
    grade: networkQuality,
    loss,
    delay,
  }));
  const known = [{ userId: "", ...own }, ...others].filter(({ grade }) => grade > 0);
  return new Map(known.map(({ userId, ...view }) => [userId, view]));
}

/** How many of the four bars are lit. */
export function barsOf({ grade }: QualityView): number {
  return BARS[grade];
}

/** What a screen reader says and a pointer that rests is shown: "good: 1 % loss, 40 ms". */
export function qualityText({ grade, loss, delay }: QualityView): string {
  if (grade === 6) return WORDS[grade];
  // A loss is never rounded to none.
  const percent = loss > 0 && loss < 1 ? "less than 1" : String(Math.round(loss));
  return `${WORDS[grade]}: ${percent} % loss, ${Math.round(delay)} ms`;
}
