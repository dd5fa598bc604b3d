// SPDX-License-Identifier: Apache-2.0
// A call that is left, at whatever moment: nothing of it goes on, and nothing of it is told to the next one.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ErrorCode } from "../src/errors";
import { FIRST_VIDEO_SLOTS } from "../src/wire.gen";
import { FakeConnection, type FakeOperator } from "./support/operator";
import { callOf, leavePage, openPage } from "./support/page";

let operator: FakeOperator;

beforeEach(() => {
  operator = openPage();
});
afterEach(leavePage);

const aborted = { code: ErrorCode.OPERATION_ABORT };

describe("a call that is left while it is entered", () => {
  it("asks the operator for nothing any more, and closes the line that opens late", async () => {
    operator.opens = false;
    const { call } = callOf();
    const refused = expect(call.enter()).rejects.toMatchObject(aborted);
    await vi.waitFor(() => expect(operator.addresses.length).toBe(1));
    await call.leave();
    await refused;
    operator.open();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(operator.entries).toBe(0);
    expect(operator.closed).toEqual([true]);
    expect(operator.connections.map(({ closed }) => closed)).toEqual([true]);
  });

  it("ends at once, also while the operator does not answer", async () => {
    operator.silent = ({ type }) => type === "enter";
    const { call } = callOf();
    const refused = expect(call.enter()).rejects.toMatchObject(aborted);
    await vi.waitFor(() => expect(operator.entries).toBe(1));
    await call.leave();
    await refused;
    expect(operator.closed).toEqual([true]);
    expect(operator.connections.map(({ closed }) => closed)).toEqual([true]);
  });

  it("is not begun when it was left before", async () => {
    const { call } = callOf();
    await call.leave();
    await expect(call.enter()).rejects.toMatchObject(aborted);
    expect(operator.addresses).toEqual([]);
  });

  it("closes the line of an entry whose offer the browser refuses", async () => {
    operator.opens = false;
    vi.spyOn(FakeConnection.prototype, "createOffer").mockRejectedValueOnce(new Error("no offer"));
    const { call } = callOf();
    await expect(call.enter()).rejects.toThrow("no offer");
    operator.open();
    await vi.advanceTimersByTimeAsync(0);
    expect(operator.closed).toEqual([true]);
  });
});

describe("a call that was left", () => {
  it("says nothing of what the operator still says on its line", async () => {
    const ended = vi.fn();
    const { call, emitted } = callOf({ ended });
    await call.enter();
    operator.silent = ({ type }) => type === "leave";
    const leaving = call.leave();
    emitted.length = 0;
    operator.say({ type: "kicked-out", reason: "kick" });
    await vi.advanceTimersByTimeAsync(2_000);
    await leaving;
    expect(ended).not.toHaveBeenCalled();
    expect(emitted.map(([event]) => event)).toEqual(["connection-state-changed"]);
  });

  it("has been left when any of those who asked is told so", async () => {
    const { call } = callOf();
    await call.enter();
    operator.silent = ({ type }) => type === "leave";
    const first = call.leave();
    let told = false;
    const second = call.leave().then(() => {
      told = true;
    });
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toBe(false);
    await vi.advanceTimersByTimeAsync(2_000);
    await Promise.all([first, second]);
    expect(operator.closed).toEqual([true]);
  });

  it("while it comes back asks for no entry any more", async () => {
    const { call } = callOf();
    await call.enter();
    operator.opens = false;
    operator.breakLine();
    await vi.waitFor(() => expect(operator.addresses.length).toBe(2), { timeout: 20_000 });
    await call.leave();
    operator.open();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(operator.entries).toBe(1);
    expect(operator.closed).toEqual([true, true]);
  });
});

describe("a remote video that is given up before it came", () => {
  it("is not bound in the next session", async () => {
    const { call } = callOf();
    await call.enter();
    operator.breakLine();
    const refused = expect(call.watch("bob", "main", 2)).rejects.toMatchObject(aborted);
    await call.unwatch("bob", "main");
    await vi.waitFor(() => expect(operator.entries).toBe(2), { timeout: 20_000 });
    await refused;
    expect(operator.bindings).toEqual([]);
    await call.leave();
  });

  it("leaves no slot bound that was made for it meanwhile", async () => {
    const { call } = callOf();
    await call.enter();
    for (let number = 0; number < FIRST_VIDEO_SLOTS; number++) await call.watch(`user${number}`, "main", 0);
    let answered: () => void = () => {};
    operator.working = new Promise((resolve) => {
      answered = resolve;
    });
    const refused = expect(call.watch("late", "main", 2)).rejects.toMatchObject(aborted);
    await vi.waitFor(() => expect(operator.connections[0]?.answers).toBe(2));
    await call.unwatch("late", "main");
    answered();
    await refused;
    await vi.waitFor(() => expect(operator.bindings.at(-1)).toMatchObject({ source: null }));
    await call.leave();
  });
});
