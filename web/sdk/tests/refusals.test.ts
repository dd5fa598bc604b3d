// SPDX-License-Identifier: Apache-2.0
// What a receiver that has one secret does with frames of other versions and of high counters: every language does the same.
import { expect, it } from "vitest";
import { suiteOf } from "../src/sframe/suite";
import { Counters } from "../src/worker/counters";
import { Opener, type OpeningRoom } from "../src/worker/opener";
import { KeyRing } from "../src/worker/ring";
import { unhex, vectors } from "./support/vectors";

interface Refusals {
  known: { suite: number; epoch: number; step: number; index: number; secret: string };
  cases: Array<{ behind: number; step: number; counter: string; sealed: string; reason: string | null }>;
}

const { known, cases } = vectors<Refusals>("refusals");

it.each(cases)("$behind epochs behind, step $step, counter $counter: $reason", async ({ sealed, reason }) => {
  const { epoch, step, index, secret } = known;
  const suite = suiteOf(known.suite);
  if (suite === undefined) throw new Error("no such suite");
  const place = {
    suite,
    app: 1400000000,
    kind: "string",
    room: "room-abc",
    instance: new Uint8Array(16),
  } as const;
  const ring = new KeyRing(place, new Counters(), () => 0);
  ring.add(epoch, step, unhex(secret), "change");
  const room: OpeningRoom = {
    you: undefined,
    indexOf: () => index,
    userAt: () => "alice",
    mayPublish: () => true,
    find: (id) => ring.find(id),
  };
  const verdict = await new Opener("audio", room, () => 0).open(unhex(sealed), "opus");
  if (reason === null) expect(verdict).toMatchObject({ is: "opened", user: "alice" });
  else expect(verdict).toEqual({ is: reason === "no_key" ? "wait" : "refused", reason });
});
