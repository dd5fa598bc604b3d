// SPDX-License-Identifier: Apache-2.0

import { nameOf } from "../names";
import * as state from "../state";

/** The authentication string: what members read to each other to be sure that nobody sits in between. */
function Words() {
  const { value: words } = state.words;
  if (words.length === 0) return null;
  const { came, went } = state.lastChange.value;
  const changes = [
    ...came.map((user) => `${nameOf(user)} came`),
    ...went.map((user) => `${nameOf(user)} went`),
  ];
  return (
    <section class="words" aria-label="Words to compare">
      <h3>Words to compare</h3>
      <p class="six" data-words={words.join(" ")}>
        {words.join(" ")}
      </p>
      <p class="quiet">
        Read them to each other. Everybody sees the same six, unless somebody is listening in between. They
        change only when somebody comes or goes
        {changes.length > 0 ? `; last: ${changes.join(", ")}.` : "."}
      </p>
    </section>
  );
}

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
      <Words />
    </aside>
  );
}
