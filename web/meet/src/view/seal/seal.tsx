// SPDX-License-Identifier: Apache-2.0

import { sealingText } from "../../sealing";
import * as state from "../../state";
import { LockIcon } from "../icons";

/** The mark that says whether the call is sealed, as the SDK's sealing really stands; it opens what that means. */
export function Seal() {
  const { state: now, epoch, step } = state.sealing.value;
  const { mark, more, locked } = sealingText(state.sealing.value);
  return (
    <>
      <button type="button" class="seal" data-sealing={now} popovertarget="sealing" title={more}>
        <LockIcon open={!locked} /> <span>{mark}</span>
      </button>
      <section class="popover" id="sealing" popover="auto" aria-labelledby="sealing-title">
        <h2 id="sealing-title">{mark}</h2>
        <p>{more}</p>
        {epoch !== null && (
          <p class="quiet">
            Keys {epoch}.{step ?? 0}. They change whenever somebody comes or goes.
          </p>
        )}
      </section>
    </>
  );
}

/** What a state of sealing wants to be read; a state that needs no attention has none. */
export function SealBanner() {
  const { value: now } = state.sealing;
  const { mark, more, attention } = sealingText(now);
  if (attention === "mark") return null;
  return (
    <p class="banner" data-sealing={now.state} data-attention={attention} role={attention}>
      <strong>{mark}.</strong> {more}
    </p>
  );
}
