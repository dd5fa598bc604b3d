// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import type { Codec } from "../src/sframe/frame";
import { readHeader, writeHeader } from "../src/sframe/header";
import { readKeyId, writeKeyId } from "../src/sframe/schedule";
import { Counters, LAST_COUNTER } from "../src/worker/counters";
import type { Opener } from "../src/worker/opener";
import { ReplayWindow, WINDOW } from "../src/worker/replay";
import { FakeAuthority } from "./support/authority";
import { Clock, outcome, Person, room, SUBJECT, sealed, vp8 } from "./support/members";

const idOf = (frame: Uint8Array, clear = 3) => readKeyId(readHeader(frame.subarray(clear)).kid);

async function open(opener: Opener, frame: Uint8Array<ArrayBuffer>, codec: Codec = "vp8"): Promise<string> {
  return outcome(await opener.open(frame, codec));
}

describe("what is sealed opens at the right place", () => {
  it("video, at the slot that was bound to its sender", async () => {
    const { people } = await room("alice", "bob");
    const [alice, bob] = people as [Person, Person];
    const opener = bob.opener();
    opener.bind({ user: "alice", track: "main" });
    for (const key of [true, false, false]) {
      const frame = vp8(key);
      const verdict = await opener.open(await sealed(alice.sealer(), frame), "vp8");
      expect(verdict).toEqual({ is: "opened", body: frame, user: "alice" });
    }
  });

  it("audio at any slot, under the name that the roster gives the key id", async () => {
    const { people } = await room("alice", "bob", "carol");
    const [alice, bob, carol] = people as [Person, Person, Person];
    const opener = bob.opener("audio");
    for (const [person, name] of [
      [alice, "alice"],
      [carol, "carol"],
    ] as const) {
      const frame = await sealed(person.sealer("audio"), vp8(false, 50));
      expect(await opener.open(frame, "opus")).toMatchObject({ is: "opened", user: name });
    }
  });

  it("in suite 4 as in suite 5", async () => {
    const clock = new Clock();
    const authority = await FakeAuthority.start(SUBJECT, 4);
    const alice = await Person.make("alice", clock).join(authority);
    const bob = await Person.make("bob", clock).join(authority, alice);
    const opener = alice.opener();
    opener.bind({ user: "bob", track: "main" });
    expect(await open(opener, await sealed(bob.sealer()))).toBe("opened");
  });
});

describe("what is refused", () => {
  async function pair() {
    const { people, authority, clock } = await room("alice", "bob", "carol");
    const [alice, bob, carol] = people as [Person, Person, Person];
    const opener = bob.opener();
    opener.bind({ user: "alice", track: "main" });
    return { alice, bob, carol, opener, authority, clock };
  }

  it("a replayed frame, and one that is too old to tell", async () => {
    const { alice, opener } = await pair();
    const sealer = alice.sealer();
    const frame = await sealed(sealer);
    expect(await open(opener, frame)).toBe("opened");
    expect(await open(opener, frame)).toBe("refused replay");
    const late = await sealed(sealer);
    for (let more = 0; more < WINDOW; more++) await sealed(sealer, vp8(false, 3));
    expect(await open(opener, await sealed(sealer))).toBe("opened");
    expect(await open(opener, late)).toBe("refused replay");
  });

  it("one frame in two slots", async () => {
    const { alice, bob, opener } = await pair();
    const second = bob.opener();
    second.bind({ user: "alice", track: "main" });
    const frame = await sealed(alice.sealer());
    // Which of the two verifies first is not said; that only one of them opens is.
    expect((await Promise.all([open(opener, frame), open(second, frame)])).sort()).toEqual([
      "opened",
      "refused replay",
    ]);
  });

  it("any flipped bit, and keeps the counter free for the right frame", async () => {
    const { alice, opener } = await pair();
    const frame = await sealed(alice.sealer(), vp8(true, 40));
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const flipped = frame.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(await open(opener, flipped), `bit ${bit}`).not.toBe("opened");
    }
    expect(await open(opener, frame)).toBe("opened");
  });

  it("another sender's frame, another track's, and our own that comes back", async () => {
    const { alice, bob, carol, opener } = await pair();
    expect(await open(opener, await sealed(carol.sealer()))).toBe("refused wrong_sender");
    expect(await open(opener, await sealed(alice.sealer("screen")))).toBe("refused wrong_sender");
    expect(await open(opener, await sealed(bob.sealer()))).toBe("refused wrong_sender");
    const own = await sealed(bob.sealer("audio"), vp8(false, 50));
    expect(outcome(await bob.opener("audio").open(own, "opus"))).toBe("refused wrong_sender");
    const video = await sealed(alice.sealer());
    expect(outcome(await bob.opener("audio").open(video.slice(3), "opus"))).toBe("refused wrong_sender");
  });

  it("everything in a slot that is bound to nobody", async () => {
    const { alice, bob } = await pair();
    expect(await open(bob.opener(), await sealed(alice.sealer()))).toBe("refused wrong_sender");
  });

  it("a clear frame, a short one, and a codec without a rule", async () => {
    const { alice, opener } = await pair();
    const clear = new Uint8Array([0x11, 0, 0, 0x77, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ...new Array(40).fill(9)]);
    expect(await open(opener, clear)).toBe("refused clear");
    expect(await open(opener, new Uint8Array(2))).toBe("refused malformed");
    const frame = await sealed(alice.sealer());
    expect(await open(opener, frame.slice(0, 20))).toBe("refused malformed");
    expect(outcome(await opener.open(frame, "h264"))).toBe("refused malformed");
    expect(outcome(await opener.open(frame, undefined))).toBe("refused malformed");
  });

  it("a counter beyond the last one", async () => {
    const { opener, alice } = await pair();
    const { kid } = readHeader((await sealed(alice.sealer())).subarray(3));
    const header = writeHeader(kid, LAST_COUNTER + 1n);
    const frame = new Uint8Array([0x11, 0, 0, ...header, ...new Array(40).fill(1)]);
    expect(await open(opener, frame)).toBe("refused malformed");
  });

  it("frames of the source before a slot was bound anew are dropped without a word, for a second", async () => {
    const { alice, carol, opener, clock } = await pair();
    opener.bind({ user: "carol", track: "main" });
    expect(await open(opener, await sealed(alice.sealer()))).toBe("stale");
    expect(await open(opener, await sealed(carol.sealer()))).toBe("opened");
    clock.time += 1_001;
    expect(await open(opener, await sealed(alice.sealer()))).toBe("refused wrong_sender");
  });

  it("a frame that is being opened while its slot is bound to somebody else", async () => {
    const { alice, opener } = await pair();
    const opening = open(opener, await sealed(alice.sealer()));
    opener.bind({ user: "carol", track: "main" });
    expect(await opening).toBe("stale");
  });
});

describe("counters", () => {
  it("rise by one for each frame, whatever layer it is of, and do not begin again with a new sealer", async () => {
    const { people } = await room("alice");
    const [alice] = people as [Person];
    const counters: bigint[] = [];
    for (let made = 0; made < 20; made++) {
      const sealer = alice.sealer();
      counters.push(readHeader((await sealed(sealer)).subarray(3)).ctr);
    }
    expect(counters).toEqual(counters.map((_, place) => BigInt(place)));
  });

  it("of frames sealed at the same time are all different", async () => {
    const { people } = await room("alice");
    const [alice] = people as [Person];
    const frames = await Promise.all(Array.from({ length: 50 }, () => sealed(alice.sealer())));
    expect(new Set(frames.map((frame) => readHeader(frame.subarray(3)).ctr)).size).toBe(50);
  });

  it("end", () => {
    const counters = new Counters();
    expect(counters.take("a")).toBe(0n);
    (counters as unknown as { next: Map<string, bigint> }).next.set("a", LAST_COUNTER);
    expect(counters.take("a")).toBe(LAST_COUNTER);
    expect(counters.take("a")).toBeUndefined();
    expect(counters.take("b")).toBe(0n);
  });
});

describe("replay window", () => {
  it("agrees with a set of everything that was accepted", () => {
    let seed = 12345;
    const random = (below: number): number => {
      seed = (seed * 1103515245 + 12345) % 2 ** 31;
      return seed % below;
    };
    const window = new ReplayWindow();
    const accepted = new Set<number>();
    let highest = -1;
    for (let round = 0; round < 20_000; round++) {
      const counter = Math.max(0, highest + (random(50) === 0 ? random(3_000) : 3) - random(1_200));
      const fresh = !accepted.has(counter) && counter > highest - WINDOW;
      expect(window.has(counter)).toBe(!fresh);
      expect(window.accept(counter)).toBe(fresh);
      if (fresh) accepted.add(counter);
      highest = Math.max(highest, fresh ? counter : highest);
    }
  });
});

describe("steps and epochs", () => {
  it("a join steps everybody, and the newcomer opens nothing from before", async () => {
    const { people, authority, clock } = await room("alice", "bob");
    const [alice, bob] = people as [Person, Person];
    const before = await sealed(alice.sealer());
    const carol = await Person.make("carol", clock).join(authority, alice, bob);
    const opener = carol.opener();
    opener.bind({ user: "alice", track: "main" });
    expect(await open(opener, before)).toBe("refused old_epoch");
    const after = await sealed(alice.sealer());
    expect(idOf(after)).toMatchObject({ epoch: 1, step: 2 });
    expect(await open(opener, after)).toBe("opened");
  });

  it("a frame of a step that was not announced here yet is tried on a copy, and the step taken up when it opens", async () => {
    const { people, authority, clock } = await room("alice", "bob");
    const [alice, bob] = people as [Person, Person];
    const opener = bob.opener();
    opener.bind({ user: "alice", track: "main" });
    for (const user of ["c", "d", "e"]) await Person.make(user, clock).join(authority, alice);
    const ahead = await sealed(alice.sealer());
    const forged = ahead.slice();
    forged[ahead.length - 1] = (forged[ahead.length - 1] ?? 0) ^ 1;
    expect(await open(opener, forged)).toBe("refused bad_tag");
    expect(bob.membership.version).toEqual({ epoch: 1, step: 1 });
    expect(await open(opener, ahead)).toBe("opened");
    expect(bob.membership.version).toEqual({ epoch: 1, step: 4 });
    expect(idOf(await sealed(bob.sealer()))).toMatchObject({ step: 4 });
  });

  it("a member who steps ahead on his own shuts nobody out who goes by the authority", async () => {
    const { people, authority, clock } = await room("alice", "mallory");
    const [alice, mallory] = people as [Person, Person];
    const opener = alice.opener("audio");
    const ahead = mallory.membership.find({ epoch: 1, step: 8, index: 0, track: 1 });
    if (typeof ahead === "string") throw new Error(ahead);
    ahead.commit();
    expect(await open(opener, await sealed(mallory.sealer("audio")), "opus")).toBe("opened");
    expect(alice.membership.version).toEqual({ epoch: 1, step: 8 });
    clock.time += 5_001;
    const bob = await Person.make("bob", clock).join(authority, alice);
    const frame = await sealed(bob.sealer("audio"));
    expect(idOf(frame, 0)).toMatchObject({ step: 2 });
    expect(await open(opener, frame, "opus")).toBe("opened");
    clock.time += 5_001;
    expect(alice.membership.find({ epoch: 1, step: 1, index: 1, track: 1 })).toBe("old");
  });

  it("more than seven steps ahead waits for the authority", async () => {
    const { people, authority, clock } = await room("alice", "bob");
    const [alice, bob] = people as [Person, Person];
    const opener = bob.opener();
    opener.bind({ user: "alice", track: "main" });
    for (let more = 0; more < 8; more++) await Person.make(`p${more}`, clock).join(authority, alice);
    expect(await open(opener, await sealed(alice.sealer()))).toBe("wait no_key");
  });

  it("the step before opens for 5 s and no longer", async () => {
    const { people, authority, clock } = await room("alice", "bob");
    const [alice, bob] = people as [Person, Person];
    const opener = bob.opener();
    opener.bind({ user: "alice", track: "main" });
    const frames = [await sealed(alice.sealer()), await sealed(alice.sealer())] as const;
    await Person.make("carol", clock).join(authority, alice, bob);
    clock.time += 4_999;
    expect(await open(opener, frames[0])).toBe("opened");
    clock.time += 2;
    expect(await open(opener, frames[1])).toBe("refused old_epoch");
  });

  it.each([
    ["left", 5_000],
    ["removed", 1_000],
  ] as const)("after somebody %s the epoch before opens for %i ms", async (reason, grace) => {
    const { people, authority, clock } = await room("alice", "bob", "carol");
    const [alice, bob, carol] = people as [Person, Person, Person];
    const opener = bob.opener();
    opener.bind({ user: "alice", track: "main" });
    const old = [await sealed(alice.sealer()), await sealed(alice.sealer())] as const;
    const { change, secrets } = await authority.leave(carol.index, reason);
    await alice.hear(change, secrets.get(alice.index));
    await bob.hear(change, secrets.get(bob.index));
    expect(idOf(await sealed(alice.sealer()))).toMatchObject({ epoch: 1 });
    clock.time += 301;
    const fresh = await sealed(alice.sealer());
    expect(idOf(fresh)).toMatchObject({ epoch: 2, step: 0 });
    expect(await open(opener, fresh)).toBe("opened");
    clock.time += grace - 302;
    expect(await open(opener, old[0])).toBe("opened");
    clock.time += 2;
    expect(await open(opener, old[1])).toBe("refused old_epoch");
  });

  it("whoever left opens nothing of the new epoch, and nothing of his is opened", async () => {
    const { people, authority, clock } = await room("alice", "bob", "carol");
    const [alice, bob, carol] = people as [Person, Person, Person];
    const opener = alice.opener();
    opener.bind({ user: "carol", track: "main" });
    const { change, secrets } = await authority.leave(carol.index, "removed");
    await alice.hear(change, secrets.get(alice.index));
    await bob.hear(change, secrets.get(bob.index));
    clock.time += 301;
    expect(await open(opener, await sealed(carol.sealer()))).not.toBe("opened");
    const gone = carol.opener();
    gone.bind({ user: "alice", track: "main" });
    expect(await open(gone, await sealed(alice.sealer()))).toBe("wait no_key");
  });

  it("a frame of an epoch that has not come waits; one that has gone is refused, around the 64 too", async () => {
    const { people } = await room("alice", "bob");
    const [, bob] = people as [Person, Person];
    const found = (epoch: number) => bob.membership.find({ epoch, step: 0, index: 0, track: 2 });
    expect(found(2)).toBe("wait");
    expect(found(0)).toBe("old");
    expect(found(63)).toBe("old");
    expect(found(32)).toBe("wait");
    expect(found(33)).toBe("old");
  });

  it("nothing is sealed before the first secret, and nothing after the keys were erased", async () => {
    const { people } = await room("alice");
    const [alice] = people as [Person];
    const early = Person.make("bob", new Clock());
    expect(await early.sealer().seal(vp8(true), "vp8")).toBe("no_key");
    alice.membership.erase();
    expect(await alice.sealer().seal(vp8(true), "vp8")).toBe("no_key");
    expect(await Person.make("x", new Clock()).sealer().seal(vp8(true), undefined)).toBe("malformed");
  });

  it("a key that is derived after its step was erased comes to nothing instead of being made of zeros", async () => {
    const { people } = await room("alice");
    const [alice] = people as [Person];
    const pending = alice.membership.sendingKey(2);
    alice.membership.erase();
    await expect(pending).rejects.toThrow(RangeError);
  });

  it("writes key ids that name epoch, step, index and track", () => {
    const id = { epoch: 63, step: 15, index: 65535, track: 4 };
    expect(readKeyId(writeKeyId(id))).toEqual(id);
  });
});
