// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import type { RefusalReason } from "../src/sealing/port";
import type { Codec } from "../src/sframe/frame";
import {
  type EncodedFrame,
  ReceivePipe,
  SendPipe,
  type Transformer,
  WAITING_FRAMES,
} from "../src/worker/pipes";
import { Person, room, sealed, vp8 } from "./support/members";

const IGNORE = { counted: () => undefined, keyFrameWanted: () => undefined };
const VP8 = (): Codec => "vp8";

/** A transformer whose network and encoder are the test. */
class FakeTransformer implements Transformer {
  readonly out: EncodedFrame[] = [];
  keyFrames = 0;
  requests = 0;
  private readonly incoming = new TransformStream<EncodedFrame, EncodedFrame>(undefined, {
    highWaterMark: 1_000,
  });
  readonly readable = this.incoming.readable;
  readonly writable: WritableStream<EncodedFrame>;
  private readonly writer = this.incoming.writable.getWriter();

  constructor() {
    this.writable = new WritableStream({ write: (frame) => void this.out.push(frame) });
  }

  put(data: Uint8Array<ArrayBuffer>): Promise<void> {
    return this.writer.write({ data: data.slice().buffer, getMetadata: () => ({}) });
  }

  end(): Promise<void> {
    return this.writer.close();
  }

  async generateKeyFrame(): Promise<void> {
    this.keyFrames++;
  }

  async sendKeyFrameRequest(): Promise<void> {
    this.requests++;
  }
}

async function receiving() {
  const { people, authority, clock } = await room("alice", "bob");
  const [alice, bob] = people as [Person, Person];
  const transformer = new FakeTransformer();
  const refusals: RefusalReason[] = [];
  const opener = bob.opener();
  opener.bind({ user: "alice", track: "main" });
  const waits: number[] = [];
  const listener = {
    opened: () => undefined,
    waited: (waited: number) => void waits.push(waited),
    refused: (reason: RefusalReason) => void refusals.push(reason),
  };
  const pipe = new ReceivePipe(transformer, "video", opener, VP8, listener, clock.now);
  const done = pipe.run();
  const all = async (): Promise<void> => {
    await transformer.end();
    await done;
    await pipe.retry();
  };
  return { alice, bob, authority, clock, transformer, refusals, waits, pipe, all };
}

describe("sending", () => {
  it("nothing gets out that is not sealed: no key, no codec, a sealer that breaks", async () => {
    const { people } = await room("alice");
    const [alice] = people as [Person];
    const broken = { track: "main", seal: () => Promise.reject(new Error("broken")) } as never;
    for (const [sealer, codec] of [
      [Person.make("nobody", alice.clock).sealer(), VP8],
      [alice.sealer(), () => undefined],
      [broken, VP8],
      [null, VP8],
    ] as const) {
      const transformer = new FakeTransformer();
      const outcomes: string[] = [];
      const listener = { counted: (one: string) => void outcomes.push(one), keyFrameWanted: () => undefined };
      const run = new SendPipe(transformer, sealer, codec, listener).run();
      await transformer.put(vp8(true));
      await transformer.end();
      await run;
      expect(transformer.out).toEqual([]);
      expect(outcomes).toHaveLength(1);
      expect(outcomes[0]).not.toBe("sealed");
    }
  });

  it("keeps the clear prefix and nothing else, in order", async () => {
    const { people } = await room("alice");
    const [alice] = people as [Person];
    const transformer = new FakeTransformer();
    const run = new SendPipe(transformer, alice.sealer(), VP8, IGNORE).run();
    const frames = [vp8(true), vp8(false), vp8(false)];
    for (const frame of frames) await transformer.put(frame);
    await transformer.end();
    await run;
    expect(transformer.out).toHaveLength(3);
    transformer.out.forEach(({ data }, place) => {
      const clear = place === 0 ? 10 : 3;
      const bytes = new Uint8Array(data);
      expect(bytes.slice(0, clear)).toEqual(frames[place]?.slice(0, clear));
      expect(Buffer.from(bytes).includes(Buffer.alloc(16, 7))).toBe(false);
      expect(bytes.length).toBeGreaterThan(200 + 16);
    });
  });

  it("makes a key frame once a key is there, if frames were lost for want of one", async () => {
    const { people, authority } = await room("alice");
    const late = Person.make("bob", (people[0] as Person).clock);
    const transformer = new FakeTransformer();
    const pipe = new SendPipe(transformer, late.sealer(), VP8, IGNORE);
    const run = pipe.run();
    pipe.keysChanged();
    expect(transformer.keyFrames).toBe(0);
    await transformer.put(vp8(true));
    await transformer.end();
    await run;
    await late.join(authority, people[0] as Person);
    pipe.keysChanged();
    pipe.keysChanged();
    expect(transformer.keyFrames).toBe(1);
  });
});

describe("a browser whose worker cannot ask for key frames", () => {
  it("has its page asked", async () => {
    const { people, authority } = await room("alice");
    const late = Person.make("bob", (people[0] as Person).clock);
    const transformer = new FakeTransformer();
    const { readable, writable } = transformer;
    let wanted = 0;
    const listener = { counted: () => undefined, keyFrameWanted: () => void wanted++ };
    const pipe = new SendPipe({ readable, writable }, late.sealer(), VP8, listener);
    const run = pipe.run();
    await transformer.put(vp8(true));
    await transformer.end();
    await run;
    await late.join(authority, people[0] as Person);
    pipe.keysChanged();
    expect(wanted).toBe(1);
  });
});

describe("receiving", () => {
  it("hands on what opened, in order, and counts the rest", async () => {
    const { alice, transformer, refusals, waits, all } = await receiving();
    const sealer = alice.sealer();
    const good = [await sealed(sealer), await sealed(sealer)] as const;
    await transformer.put(good[0]);
    await transformer.put(good[0]);
    await transformer.put(new Uint8Array(1));
    await transformer.put(good[1]);
    await all();
    expect(transformer.out).toHaveLength(2);
    expect(refusals).toEqual(["replay", "malformed"]);
    expect(waits).toEqual([]);
  });

  it("waits beside the pipeline, at most 32 frames, then refuses and asks for a key frame", async () => {
    const { alice, bob, authority, clock, transformer, refusals, waits, pipe } = await receiving();
    const carol = await Person.make("carol", clock).join(authority, alice, bob);
    const { change, secrets } = await authority.leave(carol.index);
    await alice.hear(change, secrets.get(alice.index));
    clock.time += 301;
    const sealer = alice.sealer();
    for (let count = 0; count < WAITING_FRAMES + 1; count++) await transformer.put(await sealed(sealer));
    await pipe.retry();
    await expect.poll(() => refusals).toEqual(["no_key"]);
    expect(transformer.requests).toBe(1);
    clock.time += 120;
    await bob.hear(change, secrets.get(bob.index));
    await pipe.retry();
    expect(transformer.out).toHaveLength(WAITING_FRAMES);
    expect(waits).toEqual(Array(WAITING_FRAMES).fill(120));
  });

  it("what waited for 300 ms is refused", async () => {
    const { alice, bob, authority, clock, transformer, refusals, pipe } = await receiving();
    const carol = await Person.make("carol", clock).join(authority, alice, bob);
    const { change, secrets } = await authority.leave(carol.index);
    await alice.hear(change, secrets.get(alice.index));
    clock.time += 301;
    await transformer.put(await sealed(alice.sealer()));
    await expect.poll(() => (pipe as unknown as { waiting: unknown[] }).waiting).toHaveLength(1);
    clock.time += 299;
    await pipe.expire();
    expect(refusals).toEqual([]);
    clock.time += 1;
    await pipe.expire();
    expect(refusals).toEqual(["no_key"]);
    expect(transformer.out).toEqual([]);
  });
});
