// SPDX-License-Identifier: Apache-2.0

import { nameOf } from "../../names";
import { EXPLANATIONS, type Refused } from "../../refusals";
import * as state from "../../state";
import { ShieldIcon } from "../icons";

/** A quiet sign that something came that did not open; it opens who, how much, why and what to do. */
export function Refusals() {
  const { worth, usual } = state.refusals.value;
  if (worth.length === 0) return null;
  const count = worth.reduce((sum, one) => sum + one.count, 0);
  const reasons = new Set(worth.map(({ reason }) => reason));
  return (
    <>
      <button type="button" class="refused" data-refused={[...reasons].join(" ")} popovertarget="refusals">
        <ShieldIcon />
        {count.toLocaleString()}
        <span class="refused-word">{count === 1 ? "frame refused" : "frames refused"}</span>
      </button>
      <section class="popover" id="refusals" popover="auto" aria-labelledby="refusals-title">
        <h2 id="refusals-title">What was refused</h2>
        <p class="quiet">
          A frame is one picture or one piece of sound. These did not open with this call's keys, so nothing
          of them was shown or played.
        </p>
        <ul>
          {worth.map((one) => (
            <Row key={`${one.userId}/${one.reason}`} {...one} />
          ))}
        </ul>
        {usual > 0 && <p class="quiet">{usual.toLocaleString()} more at changes of keys, which is usual.</p>}
      </section>
    </>
  );
}

function Row({ userId, reason, count }: Refused) {
  const { what, action } = EXPLANATIONS[reason];
  return (
    <li data-reason={reason}>
      <p>
        <strong>{userId === "" ? "Somebody" : nameOf(userId)}</strong>: {count.toLocaleString()}{" "}
        {count === 1 ? "frame" : "frames"} {what}
      </p>
      <p class="quiet">{action}</p>
    </li>
  );
}
