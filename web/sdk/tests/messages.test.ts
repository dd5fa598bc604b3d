// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, it } from "vitest";
import { CustomMessages, type HeardMessage } from "../src/call/custom";
import type { Sealing } from "../src/sealing/sealing";
import { type Bytes, fromB64u, toB64u, utf8 } from "../src/sframe/bytes";
import { FrameCipher } from "../src/sframe/cipher";
import { readCustom, writeCustom } from "../src/sframe/custom";
import { frameMetadata } from "../src/sframe/frame";
import { readHeader } from "../src/sframe/header";
import { readKeyId, TRACK_NUMBER } from "../src/sframe/schedule";
import { suiteOf } from "../src/sframe/suite";
import { Messages } from "../src/worker/messages";
import { WAIT_MS, WAITING_FRAMES } from "../src/worker/pipes";
import type { FakeAuthority } from "./support/authority";
import { type Clock, Person, room } from "./support/members";
import { hex, unhex, vectors } from "./support/vectors";

interface Vectors {
  good: Array<{
    suite: number;
    kid: number;
    counter: string;
    baseKey: string;
    command: number;
    sequence: number;
    data: string;
    body: string;
    sealed: string;
  }>;
  refused: string[];
}

describe("bodies of the vectors", () => {
  const { good, refused } = vectors<Vectors>("custom");

  it.each(good)("command $command, counter $counter, suite $suite", async (one) => {
    const body = { command: one.command, sequence: one.sequence, data: unhex(one.data) };
    expect(hex(writeCustom(body))).toBe(one.body);
    expect(readCustom(unhex(one.body))).toEqual(body);
    const suite = suiteOf(one.suite);
    if (suite === undefined) throw new Error("suite");
    const cipher = await FrameCipher.derive(suite, BigInt(one.kid), unhex(one.baseKey));
    const metadata = frameMetadata(TRACK_NUMBER.data, "data", new Uint8Array(0));
    const sealed = await cipher.seal(BigInt(one.counter), metadata, unhex(one.body));
    expect(hex(sealed)).toBe(one.sealed);
  });

  it("refuse what is none", () => {
    for (const text of refused) expect(readCustom(unhex(text)), text).toBeUndefined();
    for (const [command, length] of [
      [0, 1],
      [11, 1],
      [1.5, 1],
      [1, 1025],
    ] as const) {
      expect(() => writeCustom({ command, sequence: 1, data: new Uint8Array(length) })).toThrow(RangeError);
    }
  });
});

/** A member's messages and what they told. */
class Desk {
  readonly told: Array<[user: string, command: number, sequence: number, text: string]> = [];
  readonly refused: string[] = [];
  readonly messages: Messages;

  constructor(
    readonly person: Person,
    clock: Clock,
  ) {
    const { membership } = person;
    const listener = {
      opened: (
        user: string,
        { command, sequence, data }: { command: number; sequence: number; data: Bytes },
      ) => void this.told.push([user, command, sequence, new TextDecoder().decode(data)]),
      refused: (reason: string) => void this.refused.push(reason),
    };
    this.messages = new Messages(membership, membership, listener, clock.now);
  }

  async say(command: number, text: string): Promise<string> {
    const sealed = await this.messages.seal(command, utf8(text));
    if ("unsent" in sealed) throw new Error(sealed.unsent);
    return sealed.frame;
  }
}

describe("custom messages in the worker", () => {
  let authority: FakeAuthority;
  let clock: Clock;
  let alice: Desk;
  let bob: Desk;

  beforeEach(async () => {
    const made = await room("alice", "bob", "carol");
    ({ authority, clock } = made);
    [alice, bob] = made.people.map((person) => new Desk(person, clock)) as [Desk, Desk];
  });

  it("are told with command, sequence and the member who has sealed them", async () => {
    for (const [command, text] of [
      [1, "a"],
      [1, "b"],
      [10, ""],
    ] as const) {
      await bob.messages.take("alice", await alice.say(command, text));
    }
    expect(bob.told).toEqual([
      ["alice", 1, 1, "a"],
      ["alice", 1, 2, "b"],
      ["alice", 10, 1, ""],
    ]);
  });

  it("are sealed on the track `data` with one counter for all commands, also all at once", async () => {
    const texts = await Promise.all([1, 2, 1, 3].map((command) => alice.say(command, "x")));
    const headers = texts.map((text) => readHeader(fromB64u(text)));
    expect(headers.map(({ ctr }) => ctr)).toEqual([0n, 1n, 2n, 3n]);
    expect(readKeyId(headers[0]?.kid ?? 0n)).toEqual({ epoch: 1, step: 2, index: 0, track: 4 });
    for (const text of texts) await bob.messages.take("alice", text);
    expect(bob.told.map(([, command, sequence]) => [command, sequence])).toEqual([
      [1, 1],
      [2, 1],
      [1, 2],
      [3, 1],
    ]);
  });

  it("are refused when a bit was changed, and the true one still opens", async () => {
    const text = await alice.say(1, "x");
    const frame = fromB64u(text);
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const changed = frame.slice();
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
      await bob.messages.take("alice", toB64u(changed));
    }
    expect(bob.told).toEqual([]);
    expect(new Set(bob.refused)).toEqual(
      new Set(["bad_tag", "clear", "malformed", "wrong_sender", "old_epoch"]),
    );
    await bob.messages.take("alice", text);
    expect(bob.told).toEqual([["alice", 1, 1, "x"]]);
  });

  it("are told once", async () => {
    const text = await alice.say(1, "x");
    await bob.messages.take("alice", text);
    await bob.messages.take("alice", text);
    expect([bob.told.length, bob.refused]).toEqual([1, ["replay"]]);
  });

  it("are refused under another name, and told under their own afterwards", async () => {
    const text = await alice.say(1, "x");
    await bob.messages.take("carol", text);
    await alice.messages.take("alice", text);
    await bob.messages.take("alice", text);
    expect([bob.refused, alice.refused, bob.told.length]).toEqual([["wrong_sender"], ["wrong_sender"], 1]);
  });

  it("are refused in clear", async () => {
    await bob.messages.take("alice", toB64u(writeCustom({ command: 1, sequence: 1, data: utf8("hello") })));
    await bob.messages.take("alice", "*");
    expect([bob.told, bob.refused]).toEqual([[], ["clear", "malformed"]]);
  });

  it("wait for the key of a new epoch", async () => {
    const { change, secrets } = await authority.leave(2);
    await alice.person.hear(change, secrets.get(0));
    clock.time += 300;
    await bob.messages.take("alice", await alice.say(1, "early"));
    expect(bob.told).toEqual([]);
    await bob.person.hear(change, secrets.get(1));
    await bob.messages.retry();
    expect([bob.told, bob.refused]).toEqual([[["alice", 1, 1, "early"]], []]);
  });

  it("wait for their sender to be on the roster", async () => {
    const dave = new Desk(await Person.make("dave", clock).join(authority), clock);
    await bob.messages.take("dave", await dave.say(1, "hello"));
    expect([bob.told, bob.refused]).toEqual([[], []]);
    clock.time += WAIT_MS;
    await bob.messages.expire();
    expect(bob.refused).toEqual(["wrong_sender"]);
  });

  it("wait in bounded number and time", async () => {
    const { change, secrets } = await authority.leave(2);
    await alice.person.hear(change, secrets.get(0));
    clock.time += 300;
    for (let sent = 0; sent <= WAITING_FRAMES; sent++)
      await bob.messages.take("alice", await alice.say(1, "x"));
    expect(bob.refused).toEqual(["no_key"]);
    clock.time += WAIT_MS;
    await bob.messages.expire();
    expect(bob.refused).toHaveLength(WAITING_FRAMES + 1);
    await bob.person.hear(change, secrets.get(1));
    await bob.messages.retry();
    expect(bob.told).toEqual([]);
  });

  it("are not sealed without a key, and that uses no sequence up", async () => {
    const early = new Desk(Person.make("eve", clock), clock);
    expect(await early.messages.seal(1, utf8("x"))).toEqual({ unsent: "no_key" });
    await early.person.join(authority, bob.person);
    await bob.messages.take("eve", await early.say(1, "x"));
    expect(bob.told).toEqual([["eve", 1, 1, "x"]]);
  });

  it("of a member who may only receive are refused", async () => {
    const member = authority.members.find(({ user }) => user === "alice");
    if (member) authority.members[0] = { ...member, role: "receive" };
    const dave = new Desk(await Person.make("dave", clock).join(authority, alice.person), clock);
    await dave.messages.take("alice", await alice.say(1, "x"));
    expect([dave.told, dave.refused]).toEqual([[], ["wrong_sender"]]);
  });
});

describe("custom messages on the page", () => {
  const told: HeardMessage[] = [];
  const page = new CustomMessages((message) => void told.push(message));
  const data = utf8("hello").buffer;

  it("travel as they are in a call without sealing", async () => {
    const text = await page.write({ cmdId: 2, data }, null);
    expect(readCustom(fromB64u(text))).toEqual({ command: 2, sequence: 1, data: utf8("hello") });
    page.hear("alice", text, null);
    expect(told).toEqual([{ userId: "alice", cmdId: 2, seq: 1, data }]);
    for (const other of ["*", "", "AAAAAAAB"]) page.hear("alice", other, null);
    expect(told).toHaveLength(1);
  });

  it("go to the worker, and nowhere else, in a sealed call", async () => {
    const asked: unknown[] = [];
    const sealing = {
      sealMessage: async (...message: unknown[]) => {
        asked.push(message);
        return "sealed";
      },
      openMessage: (...message: unknown[]) => void asked.push(message),
    } as unknown as Sealing;
    expect(await page.write({ cmdId: 2, data }, sealing)).toBe("sealed");
    page.hear("alice", toB64u(writeCustom({ command: 1, sequence: 1, data: utf8("clear") })), sealing);
    expect(asked).toEqual([
      [2, utf8("hello")],
      ["alice", "AAEAAAABY2xlYXI"],
    ]);
    expect(told).toHaveLength(1);
  });

  it("are refused with what is wrong before they are sent", async () => {
    const wrong = [
      { cmdId: 0, data },
      { cmdId: 11, data },
      { cmdId: 1, data: new ArrayBuffer(1025) },
      { cmdId: 1, data: "hello" as unknown as ArrayBuffer },
    ];
    for (const message of wrong) {
      await expect(page.write(message, null)).rejects.toMatchObject({
        code: 5000,
        functionName: "sendCustomMessage",
      });
    }
  });
});
