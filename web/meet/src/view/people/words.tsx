// SPDX-License-Identifier: Apache-2.0

import { useState } from "preact/hooks";
import { nameOf } from "../../names";
import { changeText, isNoChange, rosterChange } from "../../roster";
import * as state from "../../state";

/** The authentication string: what members read to each other to be sure that nobody sits in between. */
export function Words() {
  const { value: words } = state.words;
  if (words.length === 0) return null;
  return (
    <section class="words" aria-labelledby="words-title">
      <h3 id="words-title">Words to compare</h3>
      <ol class="six" data-words={words.join(" ")}>
        {words.map((word, place) => (
          // A roster may give one word twice, and words never move.
          <li key={`${place}/${word}`}>{word}</li>
        ))}
      </ol>
      <p class="quiet">
        Read them to each other: everybody must see the same six. If one differs, somebody sits between one of
        you and the key service, or you were shown different lists; end the call.
      </p>
      <Changes />
      <div class="words-buttons">
        <CopyWords text={words.join(" ")} />
        <button
          type="button"
          disabled={state.compared.value === state.roster.value}
          onClick={() => {
            state.compared.value = state.roster.value;
          }}
        >
          We compared them
        </button>
      </div>
    </section>
  );
}

/** Why the words are not those of before: since they were compared, else since they last changed. */
function Changes() {
  const { value: compared } = state.compared;
  const sinceCompared = compared && rosterChange(compared, state.roster.value);
  if (compared === state.roster.value) return <p class="good">You compared these words.</p>;
  if (sinceCompared && isNoChange(sinceCompared))
    return <p class="warn">The same people as when you compared.</p>;
  if (sinceCompared)
    return <p class="warn">Changed since you compared: {changeText(sinceCompared, nameOf)}.</p>;
  const { value: last } = state.lastChange;
  if (isNoChange(last)) return <p class="quiet">They change only when somebody comes or goes.</p>;
  return <p class="quiet">They change only when somebody comes or goes; last: {changeText(last, nameOf)}.</p>;
}

function CopyWords({ text }: { text: string }) {
  const [copied, setCopied] = useState("");
  const copy = (): void => {
    navigator.clipboard.writeText(text).then(
      () => setCopied(text),
      () => state.announce("The words could not be copied."),
    );
  };
  return (
    <button type="button" onClick={copy}>
      {copied === text ? "Copied" : "Copy"}
    </button>
  );
}
