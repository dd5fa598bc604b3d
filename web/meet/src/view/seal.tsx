// SPDX-License-Identifier: Apache-2.0

import type { SealingEventState } from "@sealroom/sdk";
import * as state from "../state";
import { LockIcon } from "./icons";

const WORDS: Readonly<Record<SealingEventState, readonly [mark: string, more: string]>> = {
  off: ["Not end-to-end encrypted", "Whoever runs the server can see and hear this call."],
  joining: ["Getting keys…", "Nothing is sent or shown until the keys are here."],
  sealed: ["End-to-end encrypted", "Only the people on the list hold the keys; the server does not."],
  unreachable: [
    "Encrypted, key service not reachable",
    "The call goes on under the keys it has; nobody new can join.",
  ],
  paused: ["Sending is paused", "The key service has been silent for too long. It goes on when it is back."],
  failed: ["Encryption failed", "The call was stopped, so that nothing leaves in clear."],
};

/** The mark that says whether the call is sealed, as the SDK's sealing really stands. */
export function Seal() {
  const { state: now, epoch, step, fault } = state.sealing.value;
  const [mark, more] = WORDS[now];
  const version = epoch === null ? "" : ` Keys ${epoch}.${step ?? 0}.`;
  const why = fault && now !== "sealed" ? ` ${fault.message} ${fault.action}` : "";
  return (
    <div class="seal-row">
      <p class="seal" data-sealing={now} title={`${more}${version}${why}`} role="status">
        <LockIcon open={now === "off" || now === "failed"} />
        <span>{mark}</span>
        <span class="unseen">{more + why}</span>
      </p>
      <Refused />
    </div>
  );
}

/** A quiet sign that something came that did not open; why stands in its title. */
function Refused() {
  const { value: refusals } = state.refusals;
  if (refusals.size === 0) return null;
  const count = [...refusals.values()].reduce((sum, one) => sum + one, 0);
  const reasons = [...refusals.keys()];
  return (
    <p
      class="refused"
      data-refused={reasons.join(" ")}
      title={`Not opened with this call's keys, so not shown (${reasons.join(", ")}).`}
    >
      {count} {count === 1 ? "frame" : "frames"} refused
    </p>
  );
}
