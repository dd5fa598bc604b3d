// SPDX-License-Identifier: Apache-2.0
import type { Fault, SealingEventState } from "@sealroom/sdk";
import { describe, expect, it } from "vitest";
import { sealingText } from "../src/sealing";

const FAULT: Fault = {
  code: "authority_unreachable",
  message: "The key authority cannot be reached.",
  action: "Check the network.",
};
const text = (state: SealingEventState, fault: Fault | null = null) => sealingText({ state, fault });

describe("what the page says of sealing", () => {
  it("is an alarm, with an open lock, when the call is not sealed", () => {
    const off = text("off");
    expect(off).toMatchObject({ attention: "alert", locked: false });
    expect(off.mark).toBe("Not end-to-end encrypted");
    expect(off.more).toContain("Whoever runs the server can see and hear");
  });

  it("is a mark only while the call is sealed or just being entered", () => {
    expect(text("sealed")).toMatchObject({
      mark: "End-to-end encrypted",
      attention: "mark",
      locked: true,
    });
    expect(text("joining")).toMatchObject({ mark: "Waiting for keys", attention: "mark", locked: true });
  });

  it("gives the reason when keys do not come", () => {
    const waiting = text("joining", FAULT);
    expect(waiting.attention).toBe("status");
    expect(waiting.more).toContain(FAULT.message);
    expect(waiting.more).toContain(FAULT.action);
  });

  it("says that the call stays sealed when the authority cannot be reached", () => {
    const unreachable = text("unreachable", FAULT);
    expect(unreachable).toMatchObject({ attention: "status", locked: true });
    expect(unreachable.more).toContain("goes on, end-to-end encrypted");
    expect(unreachable.more).toContain(FAULT.message);
  });

  it("says that nobody hears us while sending is paused", () => {
    const paused = text("paused", FAULT);
    expect(paused).toMatchObject({ attention: "alert", locked: true });
    expect(paused.more).toContain("nobody hears or sees you");
  });

  it("says that the call was stopped when sealing failed", () => {
    const failed = text("failed", FAULT);
    expect(failed).toMatchObject({ attention: "alert", locked: false });
    expect(failed.more).toContain("nothing leaves in clear");
  });

  it("never calls a call encrypted that is not", () => {
    for (const state of ["off", "failed"] as const)
      expect(text(state).mark).not.toMatch(/^End-to-end|^Encrypted/);
  });

  it("does not read an old fault out once the call is sealed", () => {
    expect(text("sealed", FAULT).more).not.toContain(FAULT.message);
  });
});
