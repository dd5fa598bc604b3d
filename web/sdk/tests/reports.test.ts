// SPDX-License-Identifier: Apache-2.0
// The diary, what writes into it, and what is told of it.
import { afterEach, describe, expect, it, vi } from "vitest";
import { asRtcError, ErrorCode, RtcError } from "../src/errors";
import { Emitter } from "../src/events";
import { CallQuality } from "../src/quality/call_quality";
import { Diary } from "../src/quality/diary";
import { Reporter } from "../src/quality/reporter";
import { witness } from "../src/quality/witness";
import type { Request } from "../src/session/line";
import { SERVER_MESSAGE } from "../src/session/messages";
import { parse } from "../src/shape";
import { MAX_LOG_BYTES, MAX_LOG_ENTRIES, MAX_REPORTED_EVENTS, type Signalling } from "../src/wire.gen";

const SAMPLE: Signalling.Sample = { at: 1, span: 2_000 };
const WANTED: Signalling.Reports = { sampleEvery: 2_000, log: true };

function kept(log = true) {
  const clock = { time: 5_000 };
  return { clock, diary: new Diary(() => clock.time, log) };
}

function telling(wanted: Signalling.Reports | undefined, { log = true } = {}) {
  const { clock, diary } = kept(log);
  const sent: Request[] = [];
  const line = { broken: false };
  const reporter = new Reporter(wanted, diary, 5_000, async (report) => {
    if (line.broken) throw new Error("the line broke");
    sent.push(report);
  });
  return { clock, diary, sent, line, reporter, types: () => sent.map(({ type }) => type) };
}

describe("what an older server says", () => {
  const entered = {
    type: "entered",
    id: 1,
    version: 1,
    sdp: "",
    slots: [],
    participants: [],
    sealing: "required",
    serverTime: 5,
  };

  it("is understood without the field, and with it", () => {
    expect(parse(JSON.stringify(entered), SERVER_MESSAGE)).toEqual(entered);
    for (const reports of [{ sampleEvery: 2_000, log: true }, { sampleEvery: 0 }]) {
      expect(parse(JSON.stringify({ ...entered, reports }), SERVER_MESSAGE)).toEqual({ ...entered, reports });
    }
    expect(() =>
      parse(JSON.stringify({ ...entered, reports: { sampleEvery: -1 } }), SERVER_MESSAGE),
    ).toThrow();
  });

  it("makes that nothing is told at all", async () => {
    const { reporter, diary, sent } = telling(undefined);
    diary.happened({ what: "media-restarted" });
    diary.note({ level: "error", event: "call_failed" });
    await reporter.tell(SAMPLE, 10_000);
    await reporter.finish(20_000);
    expect(sent).toEqual([]);
  });
});

describe("what is told", () => {
  it("is a sample as often as the server asked, and events with it", async () => {
    const { reporter, diary, types } = telling({ sampleEvery: 6_000, log: false });
    for (let time = 0; time <= 12_000; time += 2_000) await reporter.tell(SAMPLE, time);
    expect(types()).toEqual(["quality", "quality", "quality"]);
    diary.happened({ what: "media-restarted" });
    await reporter.tell(undefined, 14_000);
    expect(types().at(-1)).toBe("event");
  });

  it("is no sample more often than a device can bear, whatever the server asked for", async () => {
    const { reporter, types } = telling({ sampleEvery: 1, log: false });
    for (let time = 0; time < 2_000; time += 100) await reporter.tell(SAMPLE, time);
    expect(types()).toEqual(["quality", "quality", "quality", "quality"]);
  });

  it("is no sample where none is wanted, and no log where none is", async () => {
    const { reporter, diary, types } = telling({ sampleEvery: 0 });
    diary.happened({ what: "media-restarted" });
    diary.note({ level: "error", event: "call_failed" });
    await reporter.tell(SAMPLE, 10_000);
    await reporter.finish(60_000);
    expect(types()).toEqual(["event"]);
  });

  it("is no log where the page said so", async () => {
    const { reporter, diary, types } = telling(WANTED, { log: false });
    diary.failed(
      "startLocalAudio",
      new RtcError(ErrorCode.DEVICE_ERROR, "The microphone failed.", { extraCode: 5302 }),
    );
    await reporter.finish(60_000);
    expect(types()).toEqual(["event"]);
  });

  it("is the log now and then, and what is left when the call ends", async () => {
    const { reporter, diary, types } = telling(WANTED);
    const note = (event: string) => diary.note({ level: "warning", event });
    note("one");
    await reporter.tell(undefined, 20_000);
    note("two");
    await reporter.tell(undefined, 22_000);
    expect(types()).toEqual(["log"]);
    await reporter.finish(23_000);
    expect(types()).toEqual(["log", "log"]);
  });

  it("is the last of the log, also where a report is on its way when the call ends", async () => {
    const { clock, diary } = kept();
    const sent: Request[] = [];
    const way: { free: () => void } = { free: () => {} };
    const reporter = new Reporter(WANTED, diary, clock.time, async (report) => {
      sent.push(report);
      if (report.type === "quality")
        await new Promise<void>((resolve) => {
          way.free = resolve;
        });
    });
    void reporter.tell(SAMPLE, 20_000);
    diary.note({ level: "error", event: "call_failed" });
    const finished = reporter.finish(20_100);
    way.free();
    await finished;
    expect(sent.map(({ type }) => type)).toEqual(["quality", "log"]);
  });

  it("is a log in messages that the server takes, however long its entries are", async () => {
    const { reporter, diary, sent } = telling(WANTED);
    const long = "x".repeat(48);
    for (let number = 0; number < MAX_LOG_ENTRIES - 1; number++)
      diary.note({
        level: "warning",
        event: long,
        code: 999_000 + number,
        reason: long,
        place: long,
        track: "screen",
      });
    await reporter.finish(20_000);
    const logs = sent.flatMap((report) => (report.type === "log" ? [report] : []));
    expect(logs.length).toBe(2);
    for (const log of logs)
      expect(JSON.stringify({ ...log, id: Number.MAX_SAFE_INTEGER }).length).toBeLessThanOrEqual(
        MAX_LOG_BYTES,
      );
    const codes = logs.flatMap(({ entries }) => entries.map(({ code }) => code));
    expect(codes).toEqual(Array.from({ length: MAX_LOG_ENTRIES - 1 }, (_, number) => 999_000 + number));
  });

  it("ends nothing when it cannot be sent, and goes on after", async () => {
    const { reporter, line, types } = telling(WANTED);
    line.broken = true;
    await reporter.tell(SAMPLE, 2_000);
    line.broken = false;
    await reporter.tell(SAMPLE, 4_000);
    expect(types()).toEqual(["quality"]);
  });

  it("has times since the entry, and none before it", () => {
    const { clock, diary } = kept();
    diary.happened({ what: "network-changed", network: "wifi" });
    clock.time = 7_500.4;
    diary.happened({ what: "first-frame", slot: 3 });
    expect(diary.takeEvents(6_000)).toEqual([
      { what: "network-changed", network: "wifi", at: 0 },
      { what: "first-frame", slot: 3, at: 1_500 },
    ]);
    expect(diary.takeEvents(6_000)).toEqual([]);
  });
});

describe("a call that is over", () => {
  afterEach(() => vi.unstubAllGlobals());

  it("leaves nothing for the next, which may be at another server", () => {
    const nobody = { addEventListener: () => {}, removeEventListener: () => {} };
    vi.stubGlobal("document", { ...nobody, hidden: false });
    vi.stubGlobal("navigator", { onLine: true });
    for (const [name, value] of Object.entries(nobody)) vi.stubGlobal(name, value);
    const { diary } = kept();
    const quality = new CallQuality(diary, new Emitter());
    diary.happened({ what: "capture-failed", device: "camera", reason: "denied" });
    quality.end();
    expect(diary.takeEvents(0), "what failed before there was a room is for the first").toHaveLength(1);

    quality.begin({ enteredAt: 0, reports: undefined, connected: true, report: async () => {} });
    diary.happened({ what: "frames-refused", reason: "no_key", count: 3, slot: 4 });
    diary.note({ level: "warning", event: "autoplay_failed" });
    quality.end();
    expect(diary.takeEvents(0)).toEqual([]);
    expect(diary.takeLog(0)).toEqual([]);
  });
});

describe("the diary", () => {
  it("is bounded: what came too much is counted, what says the same is put together", () => {
    const { diary } = kept();
    for (let count = 0; count < 1_000; count++) diary.happened({ what: "media-restarted" });
    for (let count = 0; count < 50; count++) diary.note({ level: "warning", event: "again" });
    for (let count = 0; count < 100; count++) diary.note({ level: "warning", event: `event_${count}` });
    expect(diary.takeEvents(0)).toHaveLength(MAX_REPORTED_EVENTS);
    const log = diary.takeLog(0);
    expect(log).toHaveLength(MAX_LOG_ENTRIES);
    expect(log[0]).toMatchObject({ event: "again", count: 50 });
    expect(log.at(-1)).toMatchObject({
      event: "entries_left_out",
      count: 1_000 - 64 + 100 - (MAX_LOG_ENTRIES - 2),
    });
  });

  it("keeps numbers within what the server takes: one beyond would cost the whole message", () => {
    const { diary } = kept();
    diary.happened({ what: "reconnected", lost: "line", took: 8 * 3_600_000, tries: 1 });
    diary.happened({ what: "key-waited", waited: 8 * 3_600_000, first: true });
    expect(diary.takeEvents(0)).toMatchObject([{ took: 3_600_000 }, { waited: 3_600_000 }]);
    const failed = (extraCode: number) =>
      diary.failed("startScreenShare", new RtcError(ErrorCode.SERVER_ERROR, "", { extraCode }));
    failed(-102015);
    failed(-(2 ** 31));
    expect(diary.takeLog(0).map(({ code }) => code)).toEqual([102_015, 999_999]);
  });

  it("keeps words and numbers of an error, and nothing of what it says", () => {
    const { diary } = kept();
    const secret = "alice 192.0.2.1 eyJhbGciOi.x.y v=0";
    const error = (reason: string, originError?: unknown) =>
      new RtcError(ErrorCode.SERVER_ERROR, secret, {
        extraCode: -100006,
        reason,
        action: secret,
        originError,
      });
    diary.failed("enterRoom", error("user_sig_expired"));
    diary.failed("enterRoom", error(secret));
    diary.failed("enterRoom", error("", new DOMException(secret, "NotAllowedError")));
    diary.failed(secret, asRtcError(new Error(secret), "x"), "error");
    const log = diary.takeLog(0);
    expect(log.map(({ reason }) => reason)).toEqual(["user_sig_expired", "", "NotAllowedError", ""]);
    expect(log[0]).toEqual({
      at: 5_000,
      level: "warning",
      event: "call_failed",
      code: 100_006,
      reason: "user_sig_expired",
      place: "enterRoom",
      count: 1,
    });
    expect(JSON.stringify(log)).not.toMatch(/alice|192|eyJ|v=0/);
  });

  it("tells which device failed, and how", () => {
    const { diary } = kept();
    const failed = (extraCode: number) => new RtcError(ErrorCode.DEVICE_ERROR, "It failed.", { extraCode });
    diary.failed("startLocalAudio", failed(5302));
    diary.failed("startLocalVideo", failed(5301));
    diary.failed("startScreenShare", failed(5309));
    expect(diary.takeEvents(5_000)).toEqual([
      { what: "capture-failed", device: "microphone", reason: "denied", at: 0 },
      { what: "capture-failed", device: "camera", reason: "not_found", at: 0 },
      { what: "capture-failed", device: "screen", reason: "other", at: 0 },
    ]);
  });
});

describe("the witness", () => {
  function watching() {
    const { diary } = kept();
    const emitter = new Emitter();
    witness(emitter, diary, (userId) => (userId === "bob" ? 7 : undefined));
    // What a page takes back are its own handlers.
    emitter.off("*");
    return { diary, emitter };
  }

  it("sees devices, first pictures and how the keys stand, without a name", () => {
    const { diary, emitter } = watching();
    const device = { label: "Alice's headset", deviceId: "d" } as MediaDeviceInfo;
    emitter.emit("device-changed", { type: "microphone", action: "remove", device });
    emitter.emit("first-video-frame", { userId: "bob", streamType: "main", width: 1, height: 1 });
    emitter.emit("first-video-frame", { userId: "gone", streamType: "main", width: 1, height: 1 });
    const sealing = (state: "joining" | "sealed" | "unreachable", epoch: number) =>
      emitter.emit("sealing-state-changed", { state, epoch, step: 0, fault: null });
    sealing("joining", 0);
    sealing("sealed", 1);
    sealing("sealed", 2);
    sealing("unreachable", 2);
    const events = diary.takeEvents(5_000);
    expect(events.map(({ at, ...event }) => event)).toEqual([
      { what: "device-changed", device: "microphone", action: "remove" },
      { what: "first-frame", slot: 7 },
      { what: "key-state-changed", state: "joining" },
      { what: "key-state-changed", state: "sealed" },
      { what: "key-state-changed", state: "unreachable" },
    ]);
    expect(diary.takeLog(0).map(({ event }) => event)).toEqual(["sealing_unreachable"]);
    expect(JSON.stringify(events)).not.toMatch(/Alice|bob/);
  });

  it("logs errors", () => {
    const { diary, emitter } = watching();
    emitter.emit(
      "error",
      new RtcError(ErrorCode.OPERATION_FAILED, "It broke.", { extraCode: 5501, reason: "line_lost" }),
    );
    expect(diary.takeLog(0)).toMatchObject([
      { level: "error", event: "call_failed", code: 5501, reason: "line_lost" },
    ]);
  });
});
