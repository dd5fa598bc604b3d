// SPDX-License-Identifier: Apache-2.0
// A call whose line breaks: it comes back once, and takes up what it had.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { FakeOperator } from "./support/operator";
import { callOf, leavePage, openPage } from "./support/page";

let operator: FakeOperator;

beforeEach(() => {
  operator = openPage();
});
afterEach(leavePage);

const comesBack = (count: number) =>
  vi.waitFor(() => expect(operator.entries).toBe(count), { timeout: 20_000 });
const bound = () => operator.bindings.map(({ source }) => source?.userId);

describe("a remote video", () => {
  it("that the server refuses is not asked for again after a re-entry", async () => {
    const { call } = callOf();
    await call.enter();
    operator.refuses = ({ type }) => (type === "bind" ? "not_published" : undefined);
    await expect(call.watch("bob", "main", 2)).rejects.toMatchObject({ reason: "not_published" });
    operator.refuses = () => undefined;
    operator.heard.length = 0;
    operator.breakLine();
    await comesBack(1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(bound()).toEqual([]);
    await call.leave();
  });

  it("that a re-entry refuses is not asked for after the next one", async () => {
    const { call, emitted } = callOf();
    await call.enter();
    await call.watch("bob", "main", 2);
    operator.heard.length = 0;
    operator.refuses = ({ type }) => (type === "bind" ? "not_published" : undefined);
    operator.breakLine();
    await comesBack(1);
    await vi.waitFor(() => expect(emitted.some(([event]) => event === "error")).toBe(true));
    operator.heard.length = 0;
    operator.breakLine();
    await comesBack(1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(bound()).toEqual([]);
    await call.leave();
  });

  it("in another layer, refused, is asked for in the layer that it had", async () => {
    const { call } = callOf();
    await call.enter();
    await call.watch("bob", "main", 0);
    operator.refuses = (request) =>
      request.type === "bind" && request.bindings[0]?.source?.layer === 2 ? "right_missing" : undefined;
    await expect(call.watch("bob", "main", 2)).rejects.toMatchObject({ reason: "right_missing" });
    operator.heard.length = 0;
    operator.breakLine();
    await comesBack(1);
    await vi.waitFor(() => expect(operator.bindings.at(-1)).toMatchObject({ source: { layer: 0 } }));
    await call.leave();
  });

  it("whose answer the line took with it is asked for in the next session", async () => {
    const { call } = callOf();
    await call.enter();
    operator.silent = ({ type }) => type === "bind";
    const watched = call.watch("bob", "main", 2);
    await vi.waitFor(() => expect(bound()).toEqual(["bob"]));
    operator.silent = () => false;
    operator.breakLine();
    await comesBack(2);
    await expect(watched).resolves.toMatchObject({ id: "video" });
    await call.leave();
  });

  it("that is asked for between two sessions comes with the next", async () => {
    const { call } = callOf();
    await call.enter();
    operator.breakLine();
    const watched = call.watch("bob", "main", 2);
    await comesBack(2);
    await expect(watched).resolves.toMatchObject({ id: "video" });
    await call.leave();
    await expect(call.watch("bob", "main", 2)).rejects.toMatchObject({ extraCode: expect.any(Number) });
  });
});

describe("a session that breaks while it takes up again", () => {
  it("is followed by one other, and its broken requests are no errors of the call", async () => {
    const { call, emitted } = callOf();
    await call.enter();
    await call.watch("bob", "main", 2);
    operator.heard.length = 0;
    operator.silent = ({ type }) => type === "bind";
    operator.breakLine();
    await comesBack(1);
    await vi.waitFor(() => expect(bound()).toEqual(["bob"]));
    operator.silent = () => false;
    operator.breakLine();
    await comesBack(2);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(operator.entries).toBe(2);
    expect(bound()).toEqual(["bob", "bob"]);
    expect(emitted.filter(([event]) => event === "error")).toEqual([]);
    await call.leave();
  });

  it("or cannot be begun, is ended before the next is tried", async () => {
    const { call } = callOf();
    await call.enter();
    operator.heard.length = 0;
    const add = vi.spyOn(call.speakers, "add").mockImplementationOnce(() => {
      throw new Error("the page has no room for it");
    });
    operator.breakLine();
    await comesBack(2);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(operator.entries).toBe(2);
    expect(operator.connections.map(({ closed }) => closed)).toEqual([true, true, false]);
    expect(add).toHaveBeenCalled();
    await call.leave();
  });
});
