// SPDX-License-Identifier: Apache-2.0
// The authority's roster beside the operator's list: who is who, what changed, and where the two differ.

import type { RosterMember } from "@sealroom/sdk";

/** By how a roster differs from one before. `again` are those who entered anew, with another key. */
export interface RosterChange {
  readonly came: readonly string[];
  readonly went: readonly string[];
  readonly again: readonly string[];
}

export const NO_CHANGE: RosterChange = { came: [], went: [], again: [] };

/** How `after` differs from `before`, in user ids. */
export function rosterChange(before: readonly RosterMember[], after: readonly RosterMember[]): RosterChange {
  const since = new Map(before.map((member) => [member.userId, member.since]));
  const now = new Set(after.map(({ userId }) => userId));
  const ids = (members: readonly RosterMember[]): string[] => members.map(({ userId }) => userId);
  return {
    came: ids(after.filter(({ userId }) => !since.has(userId))),
    went: ids(before.filter(({ userId }) => !now.has(userId))),
    again: ids(after.filter((one) => since.has(one.userId) && since.get(one.userId) !== one.since)),
  };
}

export function isNoChange({ came, went, again }: RosterChange): boolean {
  return came.length + went.length + again.length === 0;
}

/** A change as a sentence's end: "Ana came, Ben went". */
export function changeText({ came, went, again }: RosterChange, name: (userId: string) => string): string {
  return [
    ...came.map((user) => `${name(user)} came`),
    ...went.map((user) => `${name(user)} went`),
    ...again.map((user) => `${name(user)} came again with a new key`),
  ].join(", ");
}

export const ROLE_TEXT: Readonly<Record<RosterMember["role"], string>> = {
  publish: "",
  receive: "watches and listens only",
  recorder: "records this call",
};

/**
 * Those of whom something has been true for a while. Operator and authority hear of a member on two lines, one a little
 * before the other: a difference between their lists is news only when it stays.
 */
export class Lasting {
  private readonly since = new Map<string, number>();

  constructor(private readonly enough: number) {}

  /** Of whom it is true now; returns those of whom it has been for long enough. */
  take(now: number, users: readonly string[]): readonly string[] {
    for (const user of this.since.keys()) if (!users.includes(user)) this.since.delete(user);
    for (const user of users) if (!this.since.has(user)) this.since.set(user, now);
    return users.filter((user) => now - (this.since.get(user) ?? now) >= this.enough);
  }

  clear(): void {
    this.since.clear();
  }
}

/** How long somebody may be on the operator's list without a place on the roster. Shorter cries wolf at slow entries. */
export const STRANGER_MS = 4_000;
/** The other way round: who lost his line stays on the roster as absent for 10 s, and on no other list. */
export const SILENT_MS = 14_000;
