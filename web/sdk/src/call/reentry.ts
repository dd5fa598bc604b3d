// SPDX-License-Identifier: Apache-2.0
// How often, and after what waits, a call whose session was lost is entered again.

import { RtcError } from "../errors";

/** Waits before each try to enter again; after the last the call is given up. */
const RE_ENTRY_MS = [300, 1_000, 2_000, 4_000, 8_000, 15_000];
/** Refusals after which another try gives the same answer. */
const NO_MORE_TRIES = new Set([
  "replaced_by_new_entry",
  "user_sig_expired",
  "user_sig_revoked",
  "banned",
  "sealing_required",
]);

/** What was entered, and how many tries it took. */
export interface Reentry<T> {
  readonly session: T;
  readonly tries: number;
}

/** Tries until it is in; undefined when the call is over meanwhile. Rejects with the last RtcError when it is to be given up. */
export async function enterAgain<T>(
  first: RtcError,
  enter: () => Promise<T>,
  isOver: () => boolean,
): Promise<Reentry<T> | undefined> {
  let error = first;
  for (const [tried, wait] of RE_ENTRY_MS.entries()) {
    if (NO_MORE_TRIES.has(error.reason)) break;
    await new Promise((resolve) => setTimeout(resolve, wait * (0.8 + 0.4 * Math.random())));
    if (isOver()) return undefined;
    try {
      return { session: await enter(), tries: tried + 1 };
    } catch (again) {
      if (isOver()) return undefined;
      if (again instanceof RtcError) error = again;
    }
  }
  throw error;
}

/** What broke, as reports name it. */
export function lostBy({ reason }: RtcError): "line" | "media" | "server" {
  return reason === "line_lost" ? "line" : reason === "media_lost" ? "media" : "server";
}
