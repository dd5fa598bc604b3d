// SPDX-License-Identifier: Apache-2.0
// Frames that were refused: what is worth a sign, and what each reason means for a person.

import type { EventPayloads, RefusalReason } from "@sealroom/sdk";

/** As the SDK tells them, at most once a second. */
export type Refusal = EventPayloads["frame-refused"][0];

/** Refused frames of one member for one reason. Times in milliseconds of a steady clock. */
export interface Refused {
  readonly userId: string;
  readonly reason: RefusalReason;
  readonly count: number;
  readonly last: number;
}

/** `worth`: what deserves a sign, latest first. `usual`: how many frames were refused just at a change of keys. */
export interface RefusalSummary {
  readonly worth: readonly Refused[];
  readonly usual: number;
}

/**
 * Frames that were in flight when keys or roster changed have nobody's fault: some still under the old keys, some under
 * keys that reach us a moment later, some of a member who is not on our roster yet or not any more. Every join and every
 * leave would show a sign, and a sign that is always there is not read. The other reasons are never usual.
 */
const USUAL_AT_A_CHANGE: ReadonlySet<RefusalReason> = new Set<RefusalReason>([
  "no_key",
  "old_epoch",
  "wrong_sender",
]);
/** How long after a change that holds: as long as old keys are taken. Longer hides more of what an attacker causes then. */
const AFTER_CHANGE_MS = 5_000;
/** How long before: others may have the new keys first, and refusals are told up to a second late. */
const BEFORE_CHANGE_MS = 3_000;

interface Undecided {
  readonly at: number;
  readonly refusal: Refusal;
}

/** Judges refusals; a usual reason only after the time in which a change may still explain it. */
export class RefusalLog {
  private undecided: Undecided[] = [];
  private readonly worth = new Map<string, Refused>();
  private usual = 0;
  private changedAt = Number.NEGATIVE_INFINITY;

  /** Keys or roster changed. */
  changed(now: number): void {
    this.judge(now);
    this.changedAt = now;
    this.usual += this.undecided.reduce((sum, { refusal }) => sum + refusal.count, 0);
    this.undecided = [];
  }

  add(now: number, refusal: Refusal): void {
    if (!USUAL_AT_A_CHANGE.has(refusal.reason)) this.sign(now, refusal);
    else if (now - this.changedAt <= AFTER_CHANGE_MS) this.usual += refusal.count;
    else this.undecided.push({ at: now, refusal });
  }

  summary(now: number): RefusalSummary {
    this.judge(now);
    return { worth: [...this.worth.values()].sort((one, other) => other.last - one.last), usual: this.usual };
  }

  private judge(now: number): void {
    const due = this.undecided.filter(({ at }) => now - at > BEFORE_CHANGE_MS);
    this.undecided = this.undecided.filter(({ at }) => now - at <= BEFORE_CHANGE_MS);
    for (const { at, refusal } of due) this.sign(at, refusal);
  }

  private sign(at: number, { userId, reason, count }: Refusal): void {
    const name = `${userId}/${reason}`;
    const before = this.worth.get(name)?.count ?? 0;
    this.worth.set(name, { userId, reason, count: before + count, last: at });
  }
}

/** What happened, and what to do. */
export interface Explanation {
  readonly what: string;
  readonly action: string;
}

/** Each completes a sentence that begins with a number of pictures or pieces of sound. */
export const EXPLANATIONS: Readonly<Record<RefusalReason, Explanation>> = {
  no_key: {
    what: "sealed with a key that this device does not have.",
    action: "One of you may have a slow line to the key service. If it goes on, leave and enter again.",
  },
  bad_tag: {
    what: "changed on the way, or sealed with a wrong key.",
    action: "Somebody between you may be tampering. Compare the six words, and tell whoever runs the call.",
  },
  replay: {
    what: "sent again after it had been taken once.",
    action:
      "Somebody may be playing old pictures or words to you. Believe only what is live, and tell whoever runs the call.",
  },
  clear: {
    what: "not encrypted at all.",
    action: "It was not shown. A member's device would not send it: tell whoever runs the call.",
  },
  wrong_sender: {
    what: "sealed by somebody else than the one in whose name it came.",
    action:
      "The server may be mixing up people. Pictures and names on this page stay right; tell whoever runs the call.",
  },
  old_epoch: {
    what: "sealed with keys that are out of use, for instance since somebody left.",
    action: "Their device may not have the new keys yet. If it goes on, ask them to leave and enter again.",
  },
  malformed: {
    what: "damaged, or in a form that this device does not know.",
    action: "If it goes on, ask them to reload the page or to use another browser.",
  },
};
