// SPDX-License-Identifier: Apache-2.0
import { expect, it } from "vitest";
import { sleepCountingClock } from "../src/worker/clock";

function clock() {
  const time = { steady: 1_000, wall: 1_700_000_000_000 };
  const now = sleepCountingClock(
    () => time.steady,
    () => time.wall,
  );
  const pass = (steady: number, wall: number): number => {
    time.steady += steady;
    time.wall += wall;
    return now();
  };
  return { now, pass };
}

it("goes on while the device sleeps", () => {
  const { now, pass } = clock();
  expect(pass(100, 100)).toBe(1_100);
  expect(pass(5, 3_600_000)).toBe(3_601_100);
  expect(pass(100, 100)).toBe(3_601_200);
  expect(now()).toBe(3_601_200);
});

it("is not moved by a wall clock that is slewed, and never goes back when it is set back", () => {
  const { pass } = clock();
  let last = 0;
  for (let look = 0; look < 10_000; look++) last = pass(100, 101);
  expect(last).toBe(1_001_000);
  expect(pass(100, -86_400_000)).toBe(1_001_100);
  expect(pass(100, 2_000)).toBe(1_003_100);
});
