// SPDX-License-Identifier: Apache-2.0
// As much of a page as a call touches, and a call in it.

import { vi } from "vitest";
import { Call } from "../../src/call/call";
import type { CallHost } from "../../src/call/host";
import { Emitter, type EventName } from "../../src/events";
import { SoundOutput } from "../../src/media/output";
import { checkEntry } from "../../src/options";
import { Diary } from "../../src/quality/diary";
import { FakeOperator } from "./operator";

/** An operator, and a page that can call it, whose time passes only when a test says so. `leavePage` takes all of it back. */
export function openPage(): FakeOperator {
  vi.useFakeTimers();
  const operator = new FakeOperator();
  operator.install();
  installPage();
  return operator;
}

export function leavePage(): void {
  vi.useRealTimers();
  vi.unstubAllGlobals();
}

/** Elements that do nothing, for what sounds. */
function installPage(): void {
  const element = () => ({ dataset: {}, play: async () => {}, remove: () => {} });
  vi.stubGlobal("document", {
    createElement: element,
    body: { append: () => {} },
    addEventListener: () => {},
    removeEventListener: () => {},
    visibilityState: "visible",
  });
  for (const listens of ["addEventListener", "removeEventListener"]) vi.stubGlobal(listens, () => {});
  vi.stubGlobal("MediaStream", class {});
}

const config = {
  sdkAppId: 1400000000,
  userId: "alice",
  userSig: "sig",
  strRoomId: "room",
  server: "wss://operator.example/rtc",
};

/** A call that is not sealed, and what it emitted. */
export function callOf(host: Partial<CallHost> = {}): { call: Call; emitted: unknown[][] } {
  const emitter = new Emitter();
  const emitted: unknown[][] = [];
  emitter.watch((event: EventName, payload) => emitted.push([event, ...payload]));
  const call = new Call(checkEntry(config), {
    emitter,
    diary: new Diary(() => performance.now(), true),
    output: new SoundOutput(),
    outgoing: () => new Map(),
    startWorker: () => {
      throw new Error("the call is not sealed");
    },
    videoGone: () => {},
    videoMoved: () => {},
    ended: () => {},
    ...host,
  });
  return { call, emitted };
}
