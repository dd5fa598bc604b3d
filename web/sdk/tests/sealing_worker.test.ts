// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { FromWorker } from "../src/sealing/port";
import { fromB64u, toB64u } from "../src/sframe/bytes";
import { readHeader } from "../src/sframe/header";
import { readKeyId } from "../src/sframe/schedule";
import type { Authority } from "../src/wire.gen";
import { memberKeyPair } from "../src/worker/hpke";
import type { EncodedFrame, Transformer } from "../src/worker/pipes";
import { SealingWorker } from "../src/worker/sealing_worker";
import { FakeAuthority } from "./support/authority";
import { Clock, Person, SUBJECT, sealed, vp8 } from "./support/members";

const ENTRY = 1;
const START = {
  type: "start",
  authority: "wss://authority",
  sdkAppId: SUBJECT.sdkAppId,
  userId: "bob",
} as const;

/** The worker with a page and an authority that are the test. */
class Bench {
  readonly clock = new Clock();
  readonly said: FromWorker[] = [];
  readonly sent: Authority.DeviceMessage[] = [];
  readonly worker: SealingWorker;
  socket: { onopen?: () => void; onmessage?: (event: { data: string }) => void } = {};

  constructor(readonly authority: FakeAuthority) {
    this.worker = new SealingWorker(
      (message) => {
        this.said.push(message);
        if (message.type !== "grant-wanted") return;
        this.worker.obey({ type: "grant", id: message.id, grant: authority.grant("bob", { mks: 4 }) });
      },
      () => {
        const send = (text: string): void => void this.sent.push(JSON.parse(text) as Authority.DeviceMessage);
        this.socket = { send, close: () => undefined, readyState: 1, OPEN: 1 } as never;
        return this.socket as unknown as WebSocket;
      },
      this.clock.now,
    );
  }

  async join(): Promise<void> {
    this.worker.obey({ ...START, room: SUBJECT.room });
    await expect.poll(() => this.socket.onopen).toBeTruthy();
    this.socket.onopen?.();
    const { memberKey } = this.sent[0] as Authority.Join;
    const { toNewcomer } = await this.authority.join("bob", memberKey);
    for (const { message } of toNewcomer) this.socket.onmessage?.({ data: JSON.stringify(message) });
    await expect.poll(() => this.states()).toContain("sealed");
  }

  states(): string[] {
    return this.said.flatMap((message) => (message.type === "state" ? message.state : []));
  }

  /** Whom the page was told of last. */
  roster(): string[] {
    const told = this.said.findLast((message) => message.type === "roster");
    return told?.members.map(({ userId }) => userId) ?? [];
  }

  /** A transform for receiving; returns how to put frames in, and what came out. */
  receive(kind: "audio" | "video", place: number) {
    const { transformer, put, out } = stream();
    this.worker.serve(transformer, { side: "receive", kind, place, entry: ENTRY });
    return { put, out };
  }
}

function stream() {
  const incoming = new TransformStream<EncodedFrame, EncodedFrame>(undefined, { highWaterMark: 100 });
  const writer = incoming.writable.getWriter();
  const out: EncodedFrame[] = [];
  const writable = new WritableStream<EncodedFrame>({ write: (frame) => void out.push(frame) });
  const transformer: Transformer = { readable: incoming.readable, writable };
  const put = (data: Uint8Array<ArrayBuffer>, payloadType: number): Promise<void> =>
    writer.write({ data: data.slice().buffer, getMetadata: () => ({ payloadType }) });
  return { transformer, put, out };
}

describe("the sealing worker", () => {
  let bench: Bench;
  let alice: Person;

  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
    const authority = await FakeAuthority.start(SUBJECT);
    bench = new Bench(authority);
    await bench.join();
    alice = Person.make("alice", bench.clock);
    const key = await alice.membership.begin(await memberKeyPair());
    const { toAll, toNewcomer } = await authority.join("alice", key);
    await alice.hear(...toNewcomer);
    bench.socket.onmessage?.({ data: JSON.stringify(toAll?.message) });
    await expect.poll(() => bench.roster()).toEqual(["bob", "alice"]);
  });

  afterEach(() => {
    bench.worker.obey({ type: "stop" });
    vi.useRealTimers();
  });

  it("seals by payload type where frames do not say their codec, and drops what it does not know", async () => {
    bench.worker.obey({ type: "codecs", entry: ENTRY, names: [[96, "VP8"]] });
    const { transformer, put, out } = stream();
    bench.worker.serve(transformer, { side: "send", track: "main", entry: ENTRY });
    await put(vp8(true), 97);
    await put(vp8(true), 96);
    await expect.poll(() => out).toHaveLength(1);
    expect(out[0]?.data.byteLength).toBeGreaterThan(216);
  });

  it("stops sending when the authority has been silent for max_key_silence, and says so", async () => {
    bench.worker.obey({ type: "codecs", entry: ENTRY, names: [[96, "VP8"]] });
    bench.clock.time += 4_001;
    expect(await bench.worker.sendingKey(2)).toBeUndefined();
    await vi.advanceTimersByTimeAsync(100);
    expect(bench.states().at(-1)).toBe("paused");
  });

  it("asks for a key frame when the authority is heard again, for what was dropped meanwhile", async () => {
    bench.worker.obey({ type: "stop" });
    bench = new Bench(await FakeAuthority.start(SUBJECT));
    await bench.join();
    bench.worker.obey({ type: "codecs", entry: ENTRY, names: [[96, "VP8"]] });
    const { transformer, put } = stream();
    bench.worker.serve(transformer, { side: "send", track: "main", entry: ENTRY });
    bench.clock.time += 4_001;
    await put(vp8(false), 96);
    await vi.advanceTimersByTimeAsync(100);
    expect(bench.states().at(-1)).toBe("paused");
    const wanted = { type: "key-frame-wanted", entry: ENTRY, track: "main" };
    expect(bench.said).not.toContainEqual(wanted);
    await vi.advanceTimersByTimeAsync(2_000);
    const ping = bench.sent.findLast((message) => message.type === "ping");
    const alive = await bench.authority.alive(ping?.nonce ?? "");
    bench.socket.onmessage?.({ data: JSON.stringify(alive) });
    await expect.poll(() => bench.said).toContainEqual(wanted);
  });

  it("has no key after it was stopped", async () => {
    expect(await bench.worker.sendingKey(2)).toBeDefined();
    bench.worker.obey({ type: "stop" });
    expect(await bench.worker.sendingKey(2)).toBeUndefined();
  });

  it("seals custom messages, refuses those in clear by name, and seals none once it has stopped", async () => {
    const answers = () => bench.said.flatMap((one) => (one.type === "message-sealed" ? [one] : []));
    const data = new Uint8Array([1, 2, 3]);
    bench.worker.obey({ type: "seal-message", id: 1, command: 1, data });
    await expect.poll(answers).toHaveLength(1);
    const frame = answers()[0]?.frame ?? "";
    expect(readKeyId(readHeader(fromB64u(frame)).kid)?.track).toBe(4);
    bench.worker.obey({ type: "open-message", userId: "alice", frame: "AAEAAAABaGVsbG8" });
    await vi.advanceTimersByTimeAsync(1_000);
    const refused = bench.said.flatMap((message) => (message.type === "refused" ? message.refusals : []));
    expect(refused).toEqual([{ entry: 0, place: null, reason: "clear", count: 1 }]);
    const ofNobody = toB64u(new Uint8Array([0xb1, 1, 0, 0, 0x94, ...new Uint8Array(40)]));
    bench.worker.obey({ type: "open-message", userId: "dave", frame: ofNobody });
    await vi.advanceTimersByTimeAsync(100);
    bench.clock.time += 301;
    await vi.advanceTimersByTimeAsync(1_100);
    const later = bench.said.flatMap((message) => (message.type === "refused" ? message.refusals : []));
    expect(later.at(-1)).toEqual({ entry: 0, place: null, reason: "wrong_sender", count: 1 });
    bench.worker.obey({ type: "stop" });
    bench.worker.obey({ type: "seal-message", id: 2, command: 1, data });
    await expect.poll(answers).toHaveLength(2);
    expect(answers()[1]).toEqual({ type: "message-sealed", id: 2, frame: null });
  });

  it("keeps a binding that comes before the transform", async () => {
    bench.worker.obey({ type: "codecs", entry: ENTRY, names: [[96, "VP8"]] });
    bench.worker.obey({ type: "bind", entry: ENTRY, place: 5, source: { user: "alice", track: "main" } });
    const [bound, other] = [bench.receive("video", 5), bench.receive("video", 6)];
    await other.put(await sealed(alice.sealer()), 96);
    const frame = vp8(true);
    await bound.put(await sealed(alice.sealer(), frame), 96);
    await expect.poll(() => bound.out).toHaveLength(1);
    expect(new Uint8Array(bound.out[0]?.data ?? new ArrayBuffer(0))).toEqual(frame);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(other.out).toEqual([]);
    const refused = bench.said.flatMap((message) => (message.type === "refused" ? message.refusals : []));
    expect(refused).toEqual([{ entry: ENTRY, place: 6, reason: "wrong_sender", count: 1 }]);
  });
});
