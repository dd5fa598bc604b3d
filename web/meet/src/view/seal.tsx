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
  const { value: refused } = state.refusedFrames;
  return (
    <div class="seal-row">
      <p class="seal" data-sealing={now} title={`${more}${version}${why}`} role="status">
        <LockIcon open={now === "off" || now === "failed"} />
        <span>{mark}</span>
        <span class="unseen">{more + why}</span>
      </p>
      {refused > 0 && (
        <p class="refused" title="They could not be opened with this call's keys, so they are not shown.">
          {refused} {refused === 1 ? "frame" : "frames"} refused
        </p>
      )}
    </div>
  );
}
