// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ErrorCode, ExtraCode } from "../src/errors";
import { Emitter } from "../src/events";
import { Local } from "../src/media/local";

/** A captured track that knows whether its device is still on. */
class Track {
  enabled = true;
  on = true;
  contentHint = "";

  stop(): void {
    this.on = false;
  }
  addEventListener(): void {}
}

const tracks: Track[] = [];
let allow: () => void = () => undefined;

/** A person who has not decided yet; every device that is opened is on until it is stopped. */
beforeEach(() => {
  tracks.length = 0;
  const decided = new Promise<void>((resolve) => {
    allow = resolve;
  });
  const open = async () => {
    await decided;
    const track = new Track();
    tracks.push(track);
    return { getTracks: () => [track] };
  };
  vi.stubGlobal("navigator", { mediaDevices: { getUserMedia: open, getDisplayMedia: open } });
});
afterEach(() => vi.unstubAllGlobals());

const starts = [
  ["audio", (local: Local) => local.startAudio({})],
  ["main", (local: Local) => local.startVideo({})],
  ["screen", (local: Local) => local.startScreen({})],
] as const;
const devicesOn = () => tracks.filter(({ on }) => on).length;

describe.each(starts)("local %s", (track, start) => {
  it("called twice while it is opened takes the device once", async () => {
    const local = new Local(new Emitter(), () => undefined);
    const [first, second] = [start(local), start(local)];
    const refused = expect(second).rejects.toMatchObject({ extraCode: ExtraCode.REPEATED_CALL });
    allow();
    await first;
    await refused;
    expect(devicesOn()).toBe(1);
    await local.stop(track);
    expect(devicesOn()).toBe(0);
  });

  it("stopped while it is opened leaves no device on, and can be started again", async () => {
    const local = new Local(new Emitter(), () => undefined);
    const aborted = expect(start(local)).rejects.toMatchObject({ code: ErrorCode.OPERATION_ABORT });
    local.stopAll();
    allow();
    await aborted;
    expect(devicesOn()).toBe(0);
    await start(local);
    expect(devicesOn()).toBe(1);
  });
});

describe("another device", () => {
  it("that comes when all was stopped is not left on", async () => {
    const local = new Local(new Emitter(), () => undefined);
    allow();
    await local.startAudio({});
    const update = local.updateAudio({ option: { microphoneId: "other" } });
    await local.stop("audio");
    await expect(update).rejects.toMatchObject({ code: ErrorCode.OPERATION_ABORT });
    expect(devicesOn()).toBe(0);
  });
});
