// SPDX-License-Identifier: Apache-2.0
// What the states of sealing mean for a person.

import type { Fault, SealingEventState } from "@sealroom/sdk";

export interface SealingView {
  readonly state: SealingEventState;
  readonly epoch: number | null;
  readonly step: number | null;
  readonly fault: Fault | null;
}

/** How much attention a state wants: a mark only, a line that is read in turn, a line that interrupts. */
export type Attention = "mark" | "status" | "alert";

export interface SealingText {
  readonly mark: string;
  readonly more: string;
  readonly attention: Attention;
  /** Whether the lock on the mark is closed: nothing leaves this device in clear, and nothing in clear is shown. */
  readonly locked: boolean;
}

const TEXTS: Readonly<Record<SealingEventState, SealingText>> = {
  off: {
    mark: "Not end-to-end encrypted",
    more: "Whoever runs the server can see and hear this call.",
    attention: "alert",
    locked: false,
  },
  joining: {
    mark: "Waiting for keys",
    more: "Nothing is sent or shown until the keys are here.",
    attention: "mark",
    locked: true,
  },
  sealed: {
    mark: "End-to-end encrypted",
    more: "Only the people on the list hold the keys; the server does not.",
    attention: "mark",
    locked: true,
  },
  unreachable: {
    mark: "Encrypted, key service not reachable",
    more: "The call goes on, end-to-end encrypted, with the keys that are here. Nobody new can be let in until the key service is back.",
    attention: "status",
    locked: true,
  },
  paused: {
    mark: "Sending is paused",
    more: "The key service has been silent for too long, so nobody hears or sees you now. Sending goes on by itself when it is back.",
    attention: "alert",
    locked: true,
  },
  failed: {
    mark: "Encryption failed",
    more: "The call was stopped, so that nothing leaves in clear.",
    attention: "alert",
    locked: false,
  },
};

/** Mark and words of a state, with the reason where there is one. */
export function sealingText({ state, fault }: Pick<SealingView, "state" | "fault">): SealingText {
  const text = TEXTS[state];
  if (fault === null || state === "sealed" || state === "off") return text;
  const more = `${text.more} ${fault.message} ${fault.action}`;
  // Waiting for a moment is part of entering; waiting for a reason is not.
  return { ...text, more, attention: state === "joining" ? "status" : text.attention };
}
