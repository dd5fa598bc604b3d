// SPDX-License-Identifier: Apache-2.0
// The time between the answer to `enter` and the moment at which the browser has taken it: on a busy device, seconds.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Call } from "../src/call/call";
import type { Signalling } from "../src/wire.gen";
import type { FakeOperator } from "./support/operator";
import { callOf, leavePage, openPage } from "./support/page";

let operator: FakeOperator;
const released: { now: () => void } = { now: () => {} };

beforeEach(() => {
  operator = openPage();
});
afterEach(leavePage);

const bob: Signalling.Participant = { userId: "bob", role: "anchor", tracks: [] };

/** A call that is being entered; the browser takes the answer only when it is `released`. */
async function held(): Promise<{ call: Call; emitted: unknown[][]; entering: Promise<void> }> {
  operator.working = new Promise((resolve) => {
    released.now = resolve;
  });
  const { call, emitted } = callOf();
  const entering = call.enter();
  entering.catch(() => undefined);
  await vi.waitFor(() => expect(operator.connections[0]?.answers).toBe(1));
  return { call, emitted, entering };
}

const named = (emitted: unknown[][], prefix: string): unknown[][] =>
  emitted.filter(([event]) => String(event).startsWith(prefix));

describe("while the browser works on the answer", () => {
  it("whoever comes and publishes is there afterwards", async () => {
    const { call, emitted, entering } = await held();
    operator.say({ type: "participant-entered", participant: bob });
    operator.say({ type: "track-published", userId: "bob", track: "main", muted: false });
    released.now();
    await entering;
    expect(named(emitted, "remote-")).toEqual([
      ["remote-user-enter", { userId: "bob" }],
      ["remote-video-available", { userId: "bob", streamType: "main" }],
    ]);
    await call.leave();
  });

  it("what somebody publishes who was there before is told afterwards", async () => {
    operator.participants = [bob];
    const { call, emitted, entering } = await held();
    operator.say({ type: "track-published", userId: "bob", track: "main", muted: false });
    released.now();
    await entering;
    expect(named(emitted, "remote-video")).toEqual([
      ["remote-video-available", { userId: "bob", streamType: "main" }],
    ]);
    await call.leave();
  });

  it("whose voice is in a slot is known afterwards", async () => {
    operator.participants = [bob];
    const { call, entering } = await held();
    operator.say({ type: "audio-slots", slots: [{ slot: 0, userId: "bob" }] });
    released.now();
    await entering;
    expect(call.speakers.placeOf("bob")).toBeDefined();
    await call.leave();
  });

  it("a line that breaks ends the entry, also where the browser never comes back", async () => {
    const { entering } = await held();
    operator.breakLine();
    await expect(entering).rejects.toMatchObject({ reason: "line_lost" });
  });
});
