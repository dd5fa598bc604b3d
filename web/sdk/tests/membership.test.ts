// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { toB64u, utf8 } from "../src/sframe/bytes";
import { readHeader } from "../src/sframe/header";
import { readKeyId } from "../src/sframe/schedule";
import type { Authority } from "../src/wire.gen";
import { SealingFault } from "../src/worker/fault";
import { readGrant } from "../src/worker/grant";
import { memberKeyBytes, memberKeyPair } from "../src/worker/hpke";
import type { Spoken } from "./support/authority";
import { FakeAuthority } from "./support/authority";
import { Clock, outcome, Person, room, SUBJECT, sealed, vp8 } from "./support/members";

/** The body with some fields changed. */
function changed<T extends Authority.SignedBody>({ body, text }: Spoken<T>, fields: object): Spoken<T> {
  return { body: { ...body, ...fields }, text, message: { type: "signed", body: text, signature: "" } };
}

const anyKey = async (): Promise<string> => toB64u(await memberKeyBytes(await memberKeyPair()));

async function distrusted(person: Person, ...spoken: Spoken[]): Promise<void> {
  await expect(person.hear(...spoken)).rejects.toMatchObject({ fault: { code: "authority_not_trusted" } });
}

describe("roster", () => {
  it("is the same for everybody, whoever came when", async () => {
    const { people } = await room("alice", "bob", "carol");
    const names = people.map(({ membership }) => membership.roster.map(({ userId }) => userId));
    expect(names).toEqual([
      ["alice", "bob", "carol"],
      ["alice", "bob", "carol"],
      ["alice", "bob", "carol"],
    ]);
    expect(people.map(({ membership }) => membership.you)).toEqual([0, 1, 2]);
    expect(people.map(({ membership }) => membership.version)).toEqual(Array(3).fill({ epoch: 1, step: 2 }));
  });

  it("loses whoever left", async () => {
    const { people, authority } = await room("alice", "bob");
    const [alice, bob] = people as [Person, Person];
    const { change, secrets } = await authority.leave(bob.index);
    await alice.hear(change, secrets.get(alice.index));
    expect(alice.membership.roster.map(({ userId }) => userId)).toEqual(["alice"]);
    expect(alice.membership.indexOf("bob")).toBeUndefined();
    expect(alice.membership.version).toEqual({ epoch: 2, step: 0 });
  });
});

describe("what does not fit is not trusted", () => {
  async function newcomer() {
    const { authority, clock, people } = await room("alice");
    const bob = Person.make("bob", clock);
    const key = await bob.membership.begin(await memberKeyPair());
    const joined = await authority.join("bob", key);
    const [snapshot, secret] = joined.toNewcomer as [Spoken<Authority.Snapshot>, Spoken<Authority.Secret>];
    return { bob, authority, snapshot, secret, alice: people[0] as Person, toAll: joined.toAll as Spoken };
  }

  it("a body of another application, kind, room", async () => {
    const { bob, snapshot } = await newcomer();
    const { place } = snapshot.body;
    for (const fields of [{ app: 1 }, { kind: "number" }, { room: "room-abd" }]) {
      await distrusted(bob, changed(snapshot, { place: { ...place, ...fields } }));
    }
  });

  it("another instance on one line", async () => {
    const { bob, snapshot, secret } = await newcomer();
    const instance = toB64u(new Uint8Array(16));
    await distrusted(bob, snapshot, changed(secret, { place: { ...secret.body.place, instance } }));
  });

  it("a snapshot that answers another offer than ours", async () => {
    const { bob, snapshot } = await newcomer();
    for (const offered of [[4], [4, 5], [5, 4, 3]]) await distrusted(bob, changed(snapshot, { offered }));
  });

  it("anything before the snapshot, and a second one", async () => {
    const { bob, snapshot, secret } = await newcomer();
    await distrusted(bob, secret);
    await distrusted(bob, snapshot, snapshot);
  });

  it("a roster without us, with another key for us, or with one place twice", async () => {
    const { bob, snapshot } = await newcomer();
    const { members } = snapshot.body;
    const [first, second] = members as [Authority.Member, Authority.Member];
    await distrusted(bob, changed(snapshot, { members: [first] }));
    await distrusted(bob, changed(snapshot, { you: first.index }));
    await distrusted(bob, changed(snapshot, { members: [first, { ...second, key: first.key }] }));
    await distrusted(bob, changed(snapshot, { members: [{ ...first, index: 1 }, second] }));
    await distrusted(bob, changed(snapshot, { members: [{ ...first, user: "bob" }, second] }));
  });

  it("a suite that we do not speak", async () => {
    const { bob, snapshot } = await newcomer();
    await distrusted(bob, changed(snapshot, { suite: 1 }));
  });

  it("a secret for another member, step, epoch or head, or one that does not open", async () => {
    for (const fields of [
      { to: 0 },
      { step: 2 },
      { epoch: 2 },
      { head: toB64u(new Uint8Array(32)) },
      { ciphertext: toB64u(new Uint8Array(80)) },
      { enc: "AA" },
    ]) {
      const { bob, snapshot, secret } = await newcomer();
      await distrusted(bob, snapshot, changed(secret, fields));
      expect(bob.membership.version).toBeUndefined();
    }
  });

  it("a change that is left out, comes twice, or skips", async () => {
    const { alice, authority, toAll } = await newcomer();
    await alice.hear(toAll);
    await distrusted(alice, toAll);
    const lost = await authority.join("carol", await anyKey());
    const next = await authority.join("dave", await anyKey());
    expect(lost.toAll).toBeDefined();
    await distrusted(alice, next.toAll as Spoken);
  });

  it("a change back, or forward by more than one", async () => {
    for (const fields of [{ step: 0 }, { step: 3 }, { epoch: 3, step: 0 }, { epoch: 2, step: 1 }]) {
      const { alice, toAll } = await newcomer();
      await distrusted(alice, changed(toAll, fields));
    }
  });

  it("a change in which somebody leaves without a new epoch, or who was not there", async () => {
    const { alice, toAll } = await newcomer();
    await distrusted(alice, changed(toAll, { left: [{ index: 0, reason: "left" }] }));
    await distrusted(alice, changed(toAll, { epoch: 2, step: 0, left: [{ index: 9, reason: "left" }] }));
  });

  it("a change whose text was altered breaks the chain at the next", async () => {
    const { alice, authority, toAll } = await newcomer();
    await alice.hear({ ...toAll, text: `${toAll.text} ` });
    await distrusted(alice, (await authority.join("carol", await anyKey())).toAll as Spoken);
  });
});

describe("being taken off the roster", () => {
  it.each([
    ["removed", "removed"],
    ["replaced", "removed"],
    ["expired", "grant_expired"],
  ] as const)("%s", async (reason, code) => {
    const { people, authority } = await room("alice", "bob");
    const [, bob] = people as [Person, Person];
    const { change } = await authority.leave(bob.index, reason);
    await expect(bob.hear(change)).rejects.toMatchObject({ fault: { code } });
  });
});

describe("a member who may only receive, or record", () => {
  it.each(["receive", "recorder"] as const)(
    "%s: seals nothing, and is shown by nobody if he does",
    async (role) => {
      const { authority, clock, people } = await room("alice");
      const [alice] = people as [Person];
      const guest = Person.make("guest", clock);
      const { toNewcomer, toAll } = await authority.join(
        "guest",
        await guest.membership.begin(await memberKeyPair()),
        role,
      );
      await guest.hear(...toNewcomer);
      await alice.hear(toAll);
      expect(await guest.sealer("audio").seal(vp8(false), "opus")).toBe("no_key");
      // As somebody would with a client of his own.
      guest.membership.mayPublish = () => true;
      const audio = await sealed(guest.sealer("audio"));
      expect(outcome(await alice.opener("audio").open(audio, "opus"))).toBe("refused wrong_sender");
      const video = alice.opener();
      video.bind({ user: "guest", track: "main" });
      expect(outcome(await video.open(await sealed(guest.sealer()), "vp8"))).toBe("refused wrong_sender");
    },
  );
});

describe("a new line", () => {
  it("to the same instance goes on with the keys there are, under a new index", async () => {
    const { people, authority } = await room("alice", "bob");
    const [alice, bob] = people as [Person, Person];
    const { change, secrets } = await authority.leave(bob.index, "lost");
    await alice.hear(change, secrets.get(alice.index));
    await bob.join(authority, alice);
    expect(bob.membership.you).toBe(2);
    expect(bob.membership.version).toEqual({ epoch: 2, step: 1 });
  });

  it("that brings an epoch which began meanwhile is sealed with at once: whoever was removed has the one before", async () => {
    const { people, authority } = await room("alice", "mallory");
    const [alice, mallory] = people as [Person, Person];
    await authority.leave(mallory.index, "removed");
    await alice.membership.begin(await memberKeyPair());
    authority.members = [];
    await alice.join(authority);
    const frame = await sealed(alice.sealer());
    expect(readKeyId(readHeader(frame.subarray(3)).kid)?.epoch).toBe(authority.epoch);
  });

  it("lets us go on sending, and takes no frame of our own back, until its snapshot is here", async () => {
    const { people } = await room("alice", "bob");
    const [alice, bob] = people as [Person, Person];
    const own = await sealed(alice.sealer("audio"), vp8(false));
    await alice.membership.begin(await memberKeyPair());
    expect(outcome(await alice.opener("audio").open(own, "opus"))).toBe("refused wrong_sender");
    const later = await sealed(alice.sealer("audio"), vp8(false));
    expect(outcome(await bob.opener("audio").open(later, "opus"))).toBe("opened");
  });

  it("to another instance empties the ring", async () => {
    const { people, clock } = await room("alice");
    const [alice] = people as [Person];
    const restarted = await FakeAuthority.start(SUBJECT);
    const before = await alice.membership.sendingKey(2);
    await alice.join(restarted);
    const after = await alice.membership.sendingKey(2);
    expect(after?.cipher).not.toBe(before?.cipher);
    expect(after?.take()).toBe(0n);
    expect(clock.time).toBe(1_000);
  });

  it("may not fall back to an instance that it has left", async () => {
    const clock = new Clock();
    const alice = Person.make("alice", clock);
    const pair = await memberKeyPair();
    const begin = (): Promise<string> => alice.membership.begin(pair);
    const [first, restarted] = [await FakeAuthority.start(SUBJECT), await FakeAuthority.start(SUBJECT)];
    const { toNewcomer } = await first.join("alice", await begin());
    await alice.hear(...toNewcomer);
    await alice.hear(...(await restarted.join("alice", await begin())).toNewcomer);
    await begin();
    await distrusted(alice, ...toNewcomer);
  });

  it("may not fall back to an epoch that has passed", async () => {
    const { people, authority } = await room("alice", "bob");
    const [alice, bob] = people as [Person, Person];
    const { change, secrets } = await authority.leave(bob.index);
    await alice.hear(change, secrets.get(alice.index));
    await authority.leave(alice.index, "lost");
    await authority.newEpoch(1);
    await expect(alice.join(authority)).rejects.toThrow(SealingFault);
  });
});

describe("grant", () => {
  const wanted = { ...SUBJECT, userId: "alice" };
  const now = Date.now() / 1000;

  it("is taken when it is for this user, application and room", async () => {
    const authority = await FakeAuthority.start(SUBJECT);
    const grant = readGrant(authority.grant("alice", { mks: 7 }), wanted, now);
    expect(grant.maxKeySilenceMs).toBe(7_000);
    expect(grant.authorityKey).toEqual(authority.publicKey);
  });

  it("is refused when it is not", async () => {
    const authority = await FakeAuthority.start(SUBJECT);
    const code = (jwt: string): string => {
      try {
        readGrant(jwt, wanted, now);
        return "taken";
      } catch (error) {
        return (error as SealingFault).fault.code;
      }
    };
    expect(code(authority.grant("bob"))).toBe("grant_not_for_us");
    expect(code(authority.grant("alice", { app: 7 }))).toBe("grant_not_for_us");
    expect(code(authority.grant("alice", { room: { kind: "number", id: "room-abc" } }))).toBe(
      "grant_not_for_us",
    );
    expect(code(authority.grant("alice", { room: { kind: "string", id: "other" } }))).toBe(
      "grant_not_for_us",
    );
    expect(code(authority.grant("alice", { exp: Math.floor(now) - 1 }))).toBe("grant_expired");
    expect(code(authority.grant("alice", { mks: 0 }))).toBe("grant_malformed");
    expect(code(authority.grant("alice", { mks: 301 }))).toBe("grant_malformed");
    expect(code(authority.grant("alice", { auk: "AAAA" }))).toBe("grant_malformed");
    expect(code(authority.grant("alice", { extra: 1 } as object))).toBe("grant_malformed");
    const [header, body] = authority.grant("alice").split(".") as [string, string];
    expect(code(`${header}.${body}`)).toBe("grant_malformed");
    expect(code(`${toB64u(utf8('{"alg":"none","typ":"sealroom-grant+jwt"}'))}.${body}.c2ln`)).toBe(
      "grant_malformed",
    );
    expect(code(`${header}.${"A".repeat(5000)}.c2ln`)).toBe("grant_malformed");
    expect(code("")).toBe("grant_malformed");
  });
});

describe("a member's own clock", () => {
  it("is not needed to join", async () => {
    const alice = await Person.make("alice", new Clock()).join(await FakeAuthority.start(SUBJECT));
    expect(alice.membership.version).toEqual({ epoch: 1, step: 0 });
  });
});
