// SPDX-License-Identifier: Apache-2.0
// A call that is to be sealed, before what seals it has started.
import { afterEach, describe, expect, it, vi } from "vitest";
import { Call } from "../src/call/call";
import type { CallHost } from "../src/call/host";
import { Emitter } from "../src/events";
import { SoundOutput } from "../src/media/output";
import { checkEntry } from "../src/options";
import { Diary } from "../src/quality/diary";
import type { Session } from "../src/session/session";

const config = checkEntry({
  sdkAppId: 1400000000,
  userId: "alice",
  userSig: "sig",
  strRoomId: "room",
  server: "wss://operator.example/rtc",
  sealing: { authority: "wss://keys.example/authority/v1", grant: async () => "" },
});

afterEach(() => vi.unstubAllGlobals());

/** A call whose worker never says that it is ready. */
function beginning(emitter = new Emitter()): Call {
  vi.stubGlobal("RTCRtpScriptTransform", class {});
  const worker = { postMessage: () => {}, terminate: () => {} } as unknown as Worker;
  const host: CallHost = {
    emitter,
    diary: new Diary(() => 0, true),
    output: new SoundOutput(),
    outgoing: () => new Map(),
    startWorker: () => worker,
    videoGone: () => {},
    videoMoved: () => {},
    ended: () => {},
  };
  const call = new Call(config, host);
  call.enter().catch(() => undefined);
  return call;
}

describe("before sealing has started", () => {
  it("no custom message leaves in clear, though there were a room to send it to", async () => {
    const call = beginning();
    const sent: string[] = [];
    vi.spyOn(call, "room", "get").mockReturnValue({
      sendCustom: async (data: string) => void sent.push(data),
    } as unknown as Session);
    const message = { cmdId: 1, data: new TextEncoder().encode("hello").buffer };
    await expect(call.sendCustom(message)).rejects.toMatchObject({ reason: "sealing_not_started" });
    expect(sent).toEqual([]);
  });

  it("a page is told that the call is to be sealed, before anybody in it is named", () => {
    const emitter = new Emitter();
    const states: string[] = [];
    emitter.on("sealing-state-changed", ({ state }) => void states.push(state));
    beginning(emitter);
    expect(states).toEqual(["joining"]);
  });
});
