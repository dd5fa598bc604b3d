// SPDX-License-Identifier: Apache-2.0
// A server that delays, reorders, repeats, re-labels, holds back and changes what passes through it, by seed: never a wrong
// frame under a name, and what is lost is what it kept, counted.
import { describe, expect, it } from "vitest";
import type { Codec } from "../src/sframe/frame";
import type { Opener } from "../src/worker/opener";
import { outcome, type Person, room, sealed, vp8 } from "./support/members";

const SEEDS = 15;
const ROUNDS = 40;
/** Frames that the server keeps at most before it hands one on, in whatever order. */
const HELD = 25;
/** Of the frames before the removal, one of so many is kept for an hour. */
const KEPT = 10;
const PATIENCE_MS = 60_000;
/** A tick of the senders. `HELD` frames of four tracks take less than the second for which an epoch is open after a removal. */
const TICK_MS = 20;

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
function drawn(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

type TrackName = "audio" | "main" | "screen";

/** One sealed frame in the server's hands, and what it is in truth. */
interface Held {
  readonly user: string;
  readonly track: TrackName;
  readonly number: number;
  readonly sealed: Uint8Array<ArrayBuffer>;
}

/** Whose frames a slot was bound to, and what came out of it. */
interface Slot {
  readonly user: string | undefined;
  readonly track: TrackName;
  readonly opener: Opener;
  readonly opened: Set<string>;
  refused: number;
}

const codecOf = (track: TrackName): Codec => (track === "audio" ? "opus" : "vp8");

/** A body that says who sent it, on which track, as which. */
function bodyOf(user: string, track: TrackName, number: number): Uint8Array<ArrayBuffer> {
  const frame = vp8(number % 8 === 0, 40);
  frame.set(new TextEncoder().encode(`${user}/${track}/${number}.`), track === "audio" ? 0 : 10);
  return frame;
}

function labelOf(body: Uint8Array, track: TrackName): string {
  return new TextDecoder().decode(body.subarray(track === "audio" ? 0 : 10)).split(".")[0] ?? "";
}

async function lyingServer(seed: number) {
  const draw = drawn(seed);
  const pick = <T>(all: readonly T[]): T => all[Math.floor(draw() * all.length)] as T;
  const { people, authority, clock } = await room("alice", "bob", "carol", "dave");
  const [alice, bob, carol, dave] = people as [Person, Person, Person, Person];
  const slot = (user: string | undefined, track: TrackName): Slot => {
    const opener = bob.opener(track === "audio" ? "audio" : "video");
    if (user && track !== "audio") opener.bind({ user, track });
    return { user, track, opener, opened: new Set(), refused: 0 };
  };
  const slots = [
    slot("alice", "main"),
    slot("alice", "screen"),
    slot("carol", "main"),
    slot(undefined, "audio"),
  ];
  const right = (held: Held): Slot =>
    slots.find(({ user, track }) => track === held.track && (user ?? held.user) === held.user) as Slot;
  const sent = new Set<string>();
  const told = { handed: 0 };

  /** The frame comes to a slot as the server likes; whatever opens must be the slot's. */
  const hand = async (held: Held, to: Slot, bytes = held.sealed): Promise<void> => {
    told.handed++;
    const verdict = await to.opener.open(bytes.slice(), codecOf(to.track));
    if (verdict.is !== "opened") {
      expect(outcome(verdict)).toMatch(/^(refused|wait)/);
      to.refused++;
      return;
    }
    const label = labelOf(verdict.body, to.track);
    expect(label.startsWith(`${to.user ?? verdict.user}/${to.track}/`), label).toBe(true);
    expect(verdict.user).toBe(label.split("/")[0]);
    expect(sent.has(label)).toBe(true);
    expect(to.opened.has(label), `${label} a second time`).toBe(false);
    to.opened.add(label);
  };

  const past: Held[] = [];
  const queue: Held[] = [];
  const kept: Held[] = [];
  const letGo = async (): Promise<void> => {
    const [held] = queue.splice(Math.floor(draw() * queue.length), 1) as [Held];
    past.push(held);
    if (draw() < 0.3) await hand(held, pick(slots.filter((one) => one !== right(held))));
    if (draw() < 0.3) {
      const changed = held.sealed.slice();
      const at = Math.floor(draw() * changed.length);
      changed[at] = (changed[at] ?? 0) ^ (1 << Math.floor(draw() * 8));
      await hand(held, right(held), changed);
    }
    await hand(held, right(held));
    if (draw() < 0.3) await hand(pick(past), pick(slots));
  };
  for (let number = 0; number < ROUNDS; number++) {
    clock.time += TICK_MS;
    if (number === ROUNDS / 2) {
      const { change, secrets } = await authority.leave(dave.index, "removed");
      for (const one of [alice, bob, carol]) await one.hear(change, secrets.get(one.index));
    }
    for (const { user, track } of [
      ...slots.slice(0, 3),
      { user: "alice", track: "audio" as const },
      { user: "carol", track: "audio" as const },
    ]) {
      const sender = user === "alice" ? alice : carol;
      const label = `${user}/${track}/${number}`;
      sent.add(label);
      const made = await sealed(sender.sealer(track), bodyOf(user as string, track, number));
      const held = { user: user as string, track, number, sealed: made };
      if (number < ROUNDS / 2 && draw() < 1 / KEPT) kept.push(held);
      else queue.push(held);
      if (queue.length > HELD) await letGo();
    }
  }
  while (queue.length > 0) await letGo();
  for (const { user, track, number } of kept) sent.delete(`${user}/${track}/${number}`);
  return { slots, sent, past, kept, clock, hand, right, told };
}

describe("a lying server", () => {
  it(
    "shows nothing wrong and loses nothing that it hands on within the second, whatever else it does",
    async () => {
      for (let seed = 0; seed < SEEDS; seed++) {
        const { slots, sent, told } = await lyingServer(seed);
        const opened = slots.flatMap((one) => [...one.opened]);
        // The bound on what is lost: what was not handed on in time. Everything else opened, once, and the rest is counted.
        expect(new Set(opened), `seed ${seed}`).toEqual(sent);
        const refused = slots.reduce((sum, one) => sum + one.refused, 0);
        expect(opened.length + refused).toBe(told.handed);
      }
    },
    PATIENCE_MS,
  );

  it("shows nothing of an hour ago, whether it was shown then or kept back", async () => {
    const { slots, past, kept, clock, hand, right } = await lyingServer(1);
    const before = slots.map((one) => one.opened.size);
    expect(kept.length).toBeGreaterThan(3);
    clock.time += 3_600_000;
    for (const held of [...past, ...kept]) await hand(held, right(held));
    expect(slots.map((one) => one.opened.size)).toEqual(before);
  });
});
