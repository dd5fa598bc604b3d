// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Session } from "../src/call/session";
import type { RtcError } from "../src/errors";
import { checkEntry } from "../src/options";
import type { ToWorker } from "../src/sealing/port";
import type { Sealing } from "../src/sealing/sealing";
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

beforeEach(() => {
  operator.now = new FakeOperator();
  operator.now.install();
  toWorker.length = lost.length = 0;
});
afterEach(() => vi.unstubAllGlobals());

function enter(): Promise<Session> {
  const sealing = { post: (message: ToWorker) => toWorker.push(message), transform: () => ({}) };
  const listener = { said: () => {}, audioAssigned: () => {}, lost: (error: RtcError) => lost.push(error) };
  return Session.enter(config, 1, sealing as unknown as Sealing, listener);
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
      await expect(session.watch("bob", "main", 2)).rejects.toMatchObject({ reason: "not_published" });
      expect(session.videoOf("bob", "main")).toBeUndefined();
    }
    expect(boundInWorker()).toMatchObject({ source: null });
    expect(operator.now.bindings.at(-1)).toMatchObject({ source: null });
    // None of them made the session ask for more slots.
    expect(operator.now.heard.filter(({ type }) => type === "offer")).toEqual([]);
    session.end();
  });

  it("in another layer goes on in the one it had", async () => {
    const session = await enter();
    const media = await session.watch("bob", "main", 0);
    operator.now.refuses = ({ type }) => (type === "bind" ? "right_missing" : undefined);
    await expect(session.watch("bob", "main", 2)).rejects.toMatchObject({ reason: "right_missing" });
    expect(session.videoOf("bob", "main")).toBe(media);
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
      session.watch("bob", "main", 2),
      session.watch("bob", "main", 0),
    ]);
    expect([refused.status, media.status]).toEqual(["rejected", "fulfilled"]);
    expect(session.videoOf("bob", "main")).toBeDefined();
    expect(operator.now.bindings.at(-1)).toMatchObject({ source: { layer: 0 } });
    session.end();
  });
});

describe("a media path that broke", () => {
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
