// SPDX-License-Identifier: Apache-2.0

import { useEffect, useRef } from "preact/hooks";
import { enter } from "../../call";
import * as state from "../../state";
import { DeviceChoices } from "../devices";
import { DeviceNotices, Notice } from "../notice";
import { SealBanner } from "../seal/seal";
import { Preview } from "./preview";

/** Name, room and devices, with a live picture and microphone; also what is shown after a call. */
export function Lobby() {
  const { value: stage } = state.stage;
  return (
    <main class="lobby">
      <header>
        <h1>{stage === "left" ? "You left the call" : "Sealroom"}</h1>
        <p class="quiet">Try camera and microphone here: nothing leaves this device before you enter.</p>
      </header>
      {state.sealing.value.state === "failed" && <SealBanner />}
      <Notice trouble={state.trouble.value} />
      <DeviceNotices />
      <div class="lobby-columns">
        <Preview />
        <EntryForm />
      </div>
    </main>
  );
}

function EntryForm() {
  const { value: stage } = state.stage;
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => focusNext(form.current), []);
  const entering = stage === "entering";
  return (
    <form
      ref={form}
      onSubmit={(event) => {
        event.preventDefault();
        enter();
      }}
    >
      <label>
        Your name
        <input
          name="name"
          required
          maxLength={40}
          autocomplete="name"
          value={state.name.value}
          onInput={({ currentTarget }) => {
            state.name.value = currentTarget.value;
          }}
        />
      </label>
      <label>
        Room
        <input
          name="room"
          required
          maxLength={64}
          autocomplete="off"
          autocapitalize="none"
          value={state.room.value}
          onInput={({ currentTarget }) => {
            state.room.value = currentTarget.value;
          }}
        />
      </label>
      <DeviceChoices />
      <button type="submit" class="primary" disabled={entering}>
        {entering ? "Entering…" : stage === "left" ? "Enter again" : "Enter"}
      </button>
    </form>
  );
}

/** To what is still to be filled in, else to the button, so that the Enter key enters; why a call is over stays in sight. */
function focusNext(form: HTMLFormElement | null): void {
  const fields = [...(form?.querySelectorAll<HTMLInputElement>("input") ?? [])];
  const next = fields.find(({ value }) => value === "") ?? form?.querySelector<HTMLElement>(".primary");
  next?.focus({ preventScroll: true });
  scrollTo(0, 0);
}
