// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { RtcError } from "../src/errors";
import { checkEntry } from "../src/options";
import type { ToWorker } from "../src/sealing/port";
import type { Sealing } from "../src/sealing/sealing";
import { Session } from "../src/session/session";
import { FIRST_VIDEO_SLOTS } from "../src/wire.gen";
import { FakeOperator } from "./support/operator";

const config = checkEntry({
  sdkAppId: 1400000000,
  userId: "alice",
  userSig: "sig",
  strRoomId: "room",
  server: "wss://operator.example/rtc",
});

const operator: { now: FakeOperator } = { now: new FakeOperator() };
const toWorker: ToWorker[] = [];
const lost: RtcError[] = [];
const restarts: number[] = [];

beforeEach(() => {
  operator.now = new FakeOperator();
  operator.now.install();
  toWorker.length = lost.length = restarts.length = 0;
});
afterEach(() => vi.unstubAllGlobals());

function enter(): Promise<Session> {
  const sealing = { post: (message: ToWorker) => toWorker.push(message), transform: () => ({}) };
  const listener = {
    said: () => {},
    audioAssigned: () => {},
    restarted: () => void restarts.push(restarts.length),
    lost: (error: RtcError) => lost.push(error),
  };
  return Session.enter(config, 1, sealing as unknown as Sealing, listener, new AbortController().signal);
}

/** What the worker's place opens now. */
function boundInWorker(): unknown {
  return toWorker.filter(({ type }) => type === "bind").at(-1);
}

describe("a picture that the server refuses", () => {
  it("leaves its slot free, here, in the worker and at the server", async () => {
    const session = await enter();
    operator.now.refuses = ({ type }) => (type === "bind" ? "not_published" : undefined);
    for (let asked = 0; asked < FIRST_VIDEO_SLOTS + 3; asked++) {
      await expect(session.pictures.watch("bob", "main", 2)).rejects.toMatchObject({
        reason: "not_published",
      });
      expect(session.pictures.videoOf("bob", "main")).toBeUndefined();
    }
    expect(boundInWorker()).toMatchObject({ source: null });
    expect(operator.now.bindings.at(-1)).toMatchObject({ source: null });
    // None of them made the session ask for more slots.
    expect(operator.now.heard.filter(({ type }) => type === "offer")).toEqual([]);
    session.end();
  });

  it("in another layer goes on in the one it had", async () => {
    const session = await enter();
    const media = await session.pictures.watch("bob", "main", 0);
    operator.now.refuses = ({ type }) => (type === "bind" ? "right_missing" : undefined);
    await expect(session.pictures.watch("bob", "main", 2)).rejects.toMatchObject({ reason: "right_missing" });
    expect(session.pictures.videoOf("bob", "main")).toBe(media);
    expect(boundInWorker()).toMatchObject({ source: { user: "bob", track: "main" } });
    const last = operator.now.bindings.at(-1);
    expect(last).toMatchObject({ generation: 3, source: { userId: "bob", track: "main", layer: 0 } });
    session.end();
  });

  it("stays with whoever asked for another one in its place meanwhile", async () => {
    const session = await enter();
    operator.now.refuses = (request) =>
      request.type === "bind" && request.bindings[0]?.source?.layer === 2 ? "not_published" : undefined;
    const [refused, media] = await Promise.allSettled([
      session.pictures.watch("bob", "main", 2),
      session.pictures.watch("bob", "main", 0),
    ]);
    expect([refused.status, media.status]).toEqual(["rejected", "fulfilled"]);
    expect(session.pictures.videoOf("bob", "main")).toBeDefined();
    expect(operator.now.bindings.at(-1)).toMatchObject({ source: { layer: 0 } });
    session.end();
  });
});

describe("what a session tells of its call", () => {
  it("is what the server asked for, which is told what this SDK knows", async () => {
    operator.now.reports = { sampleEvery: 2_000, log: true };
    const before = performance.now();
    const session = await enter();
    expect(operator.now.addresses).toEqual([
      "wss://operator.example/rtc?takes=reports&takes=blocked&takes=sites&takes=kept",
    ]);
    expect(session.reports).toEqual({ sampleEvery: 2_000, log: true });
    expect(session.enteredAt).toBeGreaterThanOrEqual(before);
    await session.report({ type: "quality", sample: { at: 1, span: 2_000 } });
    expect(operator.now.heard.at(-1)).toMatchObject({ type: "quality", sample: { at: 1, span: 2_000 } });
    session.end();
  });

  it("is nothing where the server is older", async () => {
    const session = await enter();
    expect(session.reports).toBeUndefined();
    session.end();
  });

  it("names slots by the server's numbers", async () => {
    const session = await enter();
    await session.pictures.watch("bob", "main", 2);
    const slot = session.pictures.slotOf("bob", "main");
    expect(slot).toBe(operator.now.bindings[0]?.slot);
    const { sent, received } = session.pictures.carries();
    expect([...sent.values()]).toEqual(["audio", "main", "screen"]);
    const [bound] = [...received.values()].filter(({ video }) => video !== undefined);
    expect(bound).toMatchObject({ slot, video: { userId: "bob", track: "main" } });
    expect(session.pictures.slotAt(bound?.place ?? -1)).toBe(slot);
    expect(session.pictures.slotOf("bob", "screen")).toBeUndefined();
    expect(session.pictures.slotAt(0)).toBeUndefined();
    session.end();
  });
});

describe("a media path that broke", () => {
  it("is tried anew, and that is told", async () => {
    const session = await enter();
    operator.now.connections[0]?.becomes("failed");
    expect(restarts).toHaveLength(1);
    await vi.waitFor(() => expect(operator.now.heard.at(-1)).toMatchObject({ type: "offer" }));
    session.end();
  });

  it("and cannot be offered anew, for whatever reason, ends the session", async () => {
    await enter();
    const [connection] = operator.now.connections;
    if (connection === undefined) throw new Error("no connection");
    connection.fault = new DOMException("the peer connection is in another state", "InvalidStateError");
    connection.becomes("failed");
    await vi.waitFor(() => expect(lost).toHaveLength(1));
    expect(lost[0]).toMatchObject({ originError: connection.fault });
  });
});
