// SPDX-License-Identifier: Apache-2.0

import { nameOf } from "../names";
import * as state from "../state";

/** Who is here: in a sealed call the authority's roster, with every difference to what the operator says. */
export function People() {
  return (
    <aside class="people" id="people" aria-label="Who is here">
      <h2>Who is here</h2>
      <ul>
        <li>{nameOf(state.userId.value)} (you)</li>
        {state.others.value.map((user) => (
          <li key={user}>{nameOf(user)}</li>
        ))}
        {state.silentMembers.value.map((user) => (
          <li key={user}>
            {nameOf(user)} <span class="quiet">has keys, not connected</span>
          </li>
        ))}
        {state.strangers.value.map((user) => (
          <li key={user} class="stranger">
            {nameOf(user)} <span class="quiet">has no keys; nothing of theirs is shown</span>
          </li>
        ))}
      </ul>
    </aside>
  );
}
