// SPDX-License-Identifier: Apache-2.0

/** Between two looks the wall clock gains so much on the steady one only when the device slept, or the clock was set. */
const JUMP_MS = 500;

/**
 * Milliseconds of a clock that never goes back and goes on while the device sleeps, if it is read several times a second
 * otherwise. `performance.now()` stands still in sleep on some systems: who closed his laptop would wake up an hour later with
 * keys that count as fresh, and send under an epoch that a removed member has. A wall clock that is set forward counts as sleep,
 * which ends keys sooner and nothing else.
 */
export function sleepCountingClock(steady: () => number, wall: () => number): () => number {
  let offset = wall() - steady();
  let slept = 0;
  return () => {
    const now = steady();
    const gained = wall() - now - offset;
    offset += gained;
    if (gained > JUMP_MS) slept += gained;
    return now + slept;
  };
}
