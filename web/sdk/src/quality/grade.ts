// SPDX-License-Identifier: Apache-2.0
// Network quality in trtc-sdk-v5's grades. TRTC does not publish how it grades: these rules are ours, and stand in docs/quality-device.md.

/** 0 unknown, 1 excellent, 2 good, 3 poor, 4 bad, 5 very bad, 6 disconnected. */
export type Grade = 0 | 1 | 2 | 3 | 4 | 5 | 6;

/** What is graded; null is not known. Loss in percent, times in milliseconds, `stutter` the share of time that stood, 0 to 1. */
export interface Conditions {
  readonly connected: boolean;
  readonly loss: number | null;
  readonly rtt: number | null;
  readonly jitter: number | null;
  readonly stutter: number | null;
}

/** The most that each of the grades 1 to 4 bears; beyond the last is 5. */
const BEARS = {
  loss: [0.5, 2, 5, 10],
  rtt: [50, 150, 200, 400],
  jitter: [20, 40, 60, 100],
  stutter: [0, 0.02, 0.05, 0.1],
} as const;

/** The worst of what is known. */
export function grade(conditions: Conditions): Grade {
  if (!conditions.connected) return 6;
  const names = ["loss", "rtt", "jitter", "stutter"] as const;
  return Math.max(...names.map((name) => one(conditions[name], BEARS[name]))) as Grade;
}

function one(value: number | null, bears: readonly number[]): number {
  if (value === null) return 0;
  return bears.filter((most) => value > most).length + 1;
}

/** Grades one thing over time: worse counts at once, better when two intervals in a row say so. */
export class Grading {
  private told: Grade = 0;
  private last: Grade = 0;

  next(conditions: Conditions): Grade {
    const now = grade(conditions);
    const before = this.last;
    this.last = now;
    const worse = now > this.told || this.told === 0 || now === 0;
    if (worse) this.told = now;
    // The better of two is what both bear.
    else if (before !== 0) this.told = Math.min(this.told, Math.max(now, before)) as Grade;
    return this.told;
  }
}
