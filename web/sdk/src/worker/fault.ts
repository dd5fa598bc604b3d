// SPDX-License-Identifier: Apache-2.0

import type { Fault } from "../sealing/port";

const NEW_GRANT = "Ask your backend for a new grant for this user, application and room.";

/** Sentence and what to do next, for the faults that this side finds itself. */
const TEXTS: Partial<Record<Fault["code"], readonly [message: string, action: string]>> = {
  grant_malformed: ["The grant cannot be read.", NEW_GRANT],
  grant_not_for_us: ["The grant is for another user, application or room.", NEW_GRANT],
  grant_expired: ["The grant has expired.", NEW_GRANT],
  grant_not_given: ["The page could not get a grant.", "Check the network; it is tried again and again."],
  authority_unreachable: [
    "The key authority cannot be reached.",
    "Check the network; it is tried again and again until it answers.",
  ],
  authority_not_trusted: [
    "The authority said something that does not fit together or is not signed by it.",
    "Enter again; if it stays so, somebody may sit on the line to the authority.",
  ],
  removed: ["You were taken off the roster of this call.", "Ask who runs the call to let you in again."],
  worker_failed: ["The sealing worker failed.", "Enter the room again."],
};

/** Faults after which asking again gives the same answer. */
const FINAL: ReadonlySet<Fault["code"]> = new Set([
  "grant_malformed",
  "grant_not_for_us",
  "grant_bad_signature",
  "version_not_supported",
  "suite_not_supported",
  "member_key_invalid",
  "origin_not_allowed",
  "room_full",
  "removed",
  "worker_failed",
] satisfies Fault["code"][]);

/** Sealing cannot go on as it is; says whether another try makes sense. */
export class SealingFault extends Error {
  readonly fault: Fault;

  constructor(code: Fault["code"], message?: string, action?: string) {
    const [ownMessage, ownAction] = TEXTS[code] ?? ["The authority refused.", NEW_GRANT];
    super(message ?? ownMessage);
    this.fault = { code, message: message ?? ownMessage, action: action ?? ownAction };
  }

  /** Whether it stays so however often we ask. */
  get final(): boolean {
    return FINAL.has(this.fault.code);
  }
}
