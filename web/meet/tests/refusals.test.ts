// SPDX-License-Identifier: Apache-2.0
import type { RefusalReason } from "@sealroom/sdk";
import { describe, expect, it } from "vitest";
import { EXPLANATIONS, RefusalLog } from "../src/refusals";

const refusal = (reason: RefusalReason, count = 1, userId = "bob") =>
  ({ userId, streamType: "main", reason, count }) as const;
const REASONS = Object.keys(EXPLANATIONS) as RefusalReason[];
const USUAL: readonly RefusalReason[] = ["no_key", "old_epoch", "wrong_sender"];
const NEVER_USUAL = REASONS.filter((reason) => !USUAL.includes(reason));

describe("refused frames", () => {
  it.each(NEVER_USUAL)("with the reason %s are worth a sign at once, also when keys change", (reason) => {
    const log = new RefusalLog();
    log.changed(1_000);
    log.add(1_100, refusal(reason));
    expect(log.summary(1_100).worth).toEqual([{ userId: "bob", reason, count: 1, last: 1_100 }]);
  });

  it.each(USUAL)("with the reason %s are no sign just after a change of keys, and one later", (reason) => {
    const log = new RefusalLog();
    log.changed(1_000);
    log.add(1_500, refusal(reason, 7));
    expect(log.summary(60_000)).toEqual({ worth: [], usual: 7 });
    log.add(60_000, refusal(reason, 2));
    expect(log.summary(60_500).worth).toEqual([]);
    expect(log.summary(63_500)).toMatchObject({ worth: [{ reason, count: 2, last: 60_000 }], usual: 7 });
  });

  it.each(USUAL)("with the reason %s are no sign when the change reaches us a moment later", (reason) => {
    const log = new RefusalLog();
    log.add(10_000, refusal(reason, 3));
    log.changed(12_000);
    expect(log.summary(60_000)).toEqual({ worth: [], usual: 3 });
  });

  it("of an attack stay a sign when keys change after it", () => {
    const log = new RefusalLog();
    log.add(10_000, refusal("wrong_sender", 3));
    log.changed(14_000);
    expect(log.summary(14_000).worth).toHaveLength(1);
  });

  it("are counted by member and reason, the latest first", () => {
    const log = new RefusalLog();
    log.add(1_000, refusal("bad_tag", 2));
    log.add(2_000, refusal("replay", 1));
    log.add(3_000, refusal("bad_tag", 5, "carol"));
    log.add(4_000, refusal("bad_tag", 3));
    const rows = log.summary(4_000).worth.map(({ userId, reason, count }) => [userId, reason, count]);
    expect(rows).toEqual([
      ["bob", "bad_tag", 5],
      ["carol", "bad_tag", 5],
      ["bob", "replay", 1],
    ]);
  });

  it("have an explanation and something to do for each reason, and no two the same", () => {
    expect([...REASONS].sort()).toEqual(
      ["bad_tag", "clear", "malformed", "no_key", "old_epoch", "replay", "wrong_sender"].sort(),
    );
    const texts = Object.values(EXPLANATIONS).flatMap(({ what, action }) => [what, action]);
    expect(new Set(texts).size).toBe(2 * REASONS.length);
  });
});
