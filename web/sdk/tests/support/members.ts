// SPDX-License-Identifier: Apache-2.0
// Members of a fake authority's room, with a clock that only tests turn.
import { Counters } from "../../src/worker/counters";
import { memberKeyPair } from "../../src/worker/hpke";
import { Membership } from "../../src/worker/membership";
import { Opener, type Verdict } from "../../src/worker/opener";
import { Sealer } from "../../src/worker/sealer";
import { FakeAuthority, type Spoken } from "./authority";

export const SUBJECT = { sdkAppId: 1400000000, room: { kind: "string", id: "room-abc" } } as const;

export class Clock {
  time = 1_000;
  readonly now = (): number => this.time;
}

export class Person {
  index = -1;

  private constructor(
    readonly user: string,
    readonly membership: Membership,
    readonly clock: Clock,
  ) {}

  static make(user: string, clock: Clock, counters = new Counters()): Person {
    return new Person(user, new Membership({ ...SUBJECT, userId: user }, counters, clock.now), clock);
  }

  async hear(...spoken: Array<Spoken | undefined>): Promise<void> {
    for (const one of spoken) if (one) await this.membership.accept(one.body, one.text);
  }

  async join(authority: FakeAuthority, ...others: Person[]): Promise<this> {
    const key = await this.membership.begin(await memberKeyPair());
    const { toAll, toNewcomer, index } = await authority.join(this.user, key);
    this.index = index;
    await this.hear(...toNewcomer);
    for (const other of others) await other.hear(toAll);
    return this;
  }

  sealer(track: "audio" | "main" | "screen" = "main"): Sealer {
    return new Sealer(track, this.membership);
  }

  opener(kind: "audio" | "video" = "video"): Opener {
    return new Opener(kind, this.membership, this.clock.now);
  }
}

/** An authority and people who joined it in this order. */
export async function room(
  ...users: string[]
): Promise<{ authority: FakeAuthority; clock: Clock; people: Person[] }> {
  const clock = new Clock();
  const authority = await FakeAuthority.start(SUBJECT);
  const people: Person[] = [];
  for (const user of users) {
    const person = Person.make(user, clock);
    await person.join(authority, ...people);
    people.push(person);
  }
  return { authority, clock, people };
}

/** A VP8 frame: bit 0 of the first byte is 0 for a key frame. */
export function vp8(key: boolean, length = 200, fill = 7): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(length).fill(fill);
  frame[0] = key ? 0x10 : 0x11;
  return frame;
}

/** Seals, and fails when there is no frame. */
export async function sealed(sealer: Sealer, frame = vp8(false)): Promise<Uint8Array<ArrayBuffer>> {
  const made = await sealer.seal(frame, sealer.track === "audio" ? "opus" : "vp8");
  if (typeof made === "string") throw new Error(`not sealed: ${made}`);
  return made;
}

/** Why a frame is not shown; `opened` when it is. */
export function outcome(verdict: Verdict): string {
  return verdict.is === "refused" || verdict.is === "wait" ? `${verdict.is} ${verdict.reason}` : verdict.is;
}
