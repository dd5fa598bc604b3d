// SPDX-License-Identifier: Apache-2.0

import type { RosterMember } from "@sealroom/sdk";
import type { ComponentChildren } from "preact";
import { nameOf } from "../../names";
import { ROLE_TEXT } from "../../roster";
import * as state from "../../state";
import { RecordIcon } from "../icons";
import { Words } from "./words";

/** Who is here: in a sealed call the authority's roster, with every difference to what the operator says. */
export function People({ onClose }: { onClose: () => void }) {
  return (
    <aside class="panel people" id="people" aria-labelledby="people-title">
      <header class="panel-head">
        <h2 id="people-title">Who is here</h2>
        <button type="button" class="plain" onClick={onClose}>
          Close
        </button>
      </header>
      <ul>
        {state.isSealed.value ? <Members /> : <Participants />}
        {state.strangers.value.map((user) => (
          <Person key={user} user={user} warn={state.lastingStrangers.value.includes(user)}>
            is named by the server only; has no keys, and nothing of theirs is shown
          </Person>
        ))}
      </ul>
      {state.isSealed.value && (
        <p class="quiet">The key service signed this list. The server cannot add anybody to it.</p>
      )}
      <Words />
    </aside>
  );
}

function Members() {
  const { value: roster } = state.roster;
  const own = roster.find(({ userId }) => userId === state.userId.value);
  const members = own ? [own, ...roster.filter((one) => one !== own)] : roster;
  return (
    <>
      {members.map((member) => (
        <Member key={member.userId} {...member} />
      ))}
    </>
  );
}

function Member({ userId, role, since }: RosterMember) {
  const silent = state.silentMembers.value.includes(userId);
  const facts = [
    ROLE_TEXT[role],
    `since ${timeOf(since)}`,
    silent ? "has keys, but the server does not name them: no picture of them is shown" : "",
  ];
  return (
    <Person
      user={userId}
      warn={silent && state.lastingSilent.value.includes(userId)}
      isYou={userId === state.userId.value}
      isRecorder={role === "recorder"}
    >
      {facts.filter(Boolean).join(", ")}
    </Person>
  );
}

/** In a call that is not sealed there is nobody but the operator to ask. */
function Participants() {
  return (
    <>
      <Person user={state.userId.value} isYou />
      {state.others.value.map((user) => (
        <Person key={user} user={user} />
      ))}
    </>
  );
}

interface PersonProps {
  user: string;
  warn?: boolean;
  isYou?: boolean;
  isRecorder?: boolean;
  children?: ComponentChildren;
}

function Person({ user, warn = false, isYou = false, isRecorder = false, children }: PersonProps) {
  return (
    <li class={warn ? "warn" : ""} data-user={user}>
      {isRecorder && <RecordIcon />} {nameOf(user)}
      {isYou && " (you)"} <span class="quiet">{children}</span>
    </li>
  );
}

function timeOf(unixSeconds: number): string {
  return new Date(unixSeconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

/** Where the operator's list and the roster have differed for so long that it is no accident. */
export function Differences() {
  const strangers = state.lastingStrangers.value.map(nameOf);
  const silent = state.lastingSilent.value.map(nameOf);
  return (
    <>
      {strangers.length > 0 && (
        <p class="banner" data-attention="alert" data-differs="strangers" role="alert">
          <strong>The server names somebody who holds no keys: {strangers.join(", ")}.</strong> Nothing of
          theirs is shown, and they can open nothing of yours. If you do not know why, ask whoever runs the
          call.
        </p>
      )}
      {silent.length > 0 && (
        <p class="banner" data-attention="status" data-differs="silent" role="status">
          <strong>Not connected to the server, but holding keys: {silent.join(", ")}.</strong> Whoever has
          keys could open what the server passes on. If it stays, ask whoever runs the call to end their
          membership.
        </p>
      )}
    </>
  );
}

/** That somebody keeps what is seen and heard. It stays for as long as the recorder is there. */
export function Recording() {
  const names = [...state.recorders.value].filter((user) => user !== state.userId.value).map(nameOf);
  if (names.length === 0) return null;
  return (
    <p class="recording" data-recording>
      <RecordIcon /> <span>Recorded by {names.join(", ")}</span>
    </p>
  );
}
