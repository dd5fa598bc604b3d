// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { WORDS } from "../src/sealing/words.gen";
import { authenticationWords } from "../src/worker/authentication";
import { memberKeyBytes, memberKeyPair } from "../src/worker/hpke";
import { Person, room } from "./support/members";
import { unhex, vectors } from "./support/vectors";

interface Vector {
  authorityKey: string;
  app: number;
  kind: "number" | "string";
  room: string;
  members: Array<{ user: string; key: string }>;
  words: string[];
}

describe("authentication string", () => {
  it.each(vectors<Vector[]>("authentication"))("of $kind $room with $members.length", async (vector) => {
    const { app, kind, room: id } = vector;
    const members = vector.members.map(({ user, key }) => ({ user, key: unhex(key) }));
    const words = await authenticationWords(unhex(vector.authorityKey), app, { kind, id }, members);
    expect(words).toEqual(vector.words);
  });

  it("draws from 2,048 words that differ in their first four letters", () => {
    expect(WORDS.length).toBe(2048);
    expect(new Set(WORDS.map((word) => word.slice(0, 4))).size).toBe(2048);
  });

  it("is the same for every member, and another after somebody came", async () => {
    const key = new Uint8Array(32).fill(7);
    const { authority, people } = await room("alice", "bob");
    const read = (): Promise<Array<readonly string[]>> =>
      Promise.all(people.map(({ membership }) => membership.words(key)));
    const [first, other] = await read();
    expect(first).toHaveLength(6);
    expect(other).toEqual(first);
    const carol = await memberKeyBytes(await memberKeyPair());
    const joined = await authority.join(
      "carol",
      btoa(String.fromCharCode(...carol)).replace(/[+/=]/g, (c) => ({ "+": "-", "/": "_" })[c] ?? ""),
    );
    for (const person of people)
      await person.hear(...[joined.toAll].flat().filter((one) => one !== undefined));
    const [after, alike] = await read();
    expect(after).not.toEqual(first);
    expect(alike).toEqual(after);
  });

  it("is empty before there is a roster", async () => {
    const { clock } = await room("alice");
    expect(await Person.make("bob", clock).membership.words(new Uint8Array(32))).toEqual([]);
  });
});
