// SPDX-License-Identifier: Apache-2.0
// "What the operator can see of this call": its own record, beside what opened on this device.

import { signal } from "@preact/signals";
import type { OperatorRecord } from "@sealroom/sdk";
import { useEffect, useRef } from "preact/hooks";
import { fetchRecord } from "../call";
import { troubleOf } from "../client";
import { nameOf } from "../names";
import { Newest } from "../newest";
import { deviceLines, type Line, operatorLines, summary } from "../record";
import * as state from "../state";
import { EyeIcon } from "./icons";

const REFRESH_MS = 2_000;

const open = signal(false);
const record = signal<OperatorRecord | null>(null);
const trouble = signal<state.Trouble | null>(null);
const newest = new Newest<OperatorRecord>(fetchRecord, {
  answered(found) {
    record.value = found;
    trouble.value = null;
  },
  failed(error) {
    trouble.value = troubleOf(error);
  },
});

/** Opens the panel. */
export function OperatorButton() {
  return (
    <button type="button" aria-haspopup="dialog" onClick={() => (open.value = true)}>
      <EyeIcon /> <span>Operator's view</span>
    </button>
  );
}

/** The panel, while it is open. */
export function OperatorPanel() {
  return open.value ? <Panel /> : null;
}

function close(): void {
  newest.forget();
  open.value = false;
  record.value = null;
  trouble.value = null;
}

function Panel() {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
    newest.ask();
    const timer = setInterval(() => newest.ask(), REFRESH_MS);
    return () => {
      clearInterval(timer);
      close();
    };
  }, []);
  return (
    <dialog class="operator" ref={dialog} aria-labelledby="operator-title" onClose={close}>
      <header>
        <h2 id="operator-title">What the operator can see of this call</h2>
        <button type="button" onClick={() => dialog.current?.close()}>
          Close
        </button>
      </header>
      <Introduction />
      {trouble.value && (
        <p class="notice" role="status">
          {trouble.value.message} {trouble.value.action}
        </p>
      )}
      {record.value ? (
        <Known record={record.value} />
      ) : (
        !trouble.value && <p class="quiet">Asking the operator…</p>
      )}
    </dialog>
  );
}

function Introduction() {
  return state.isSealed.value ? (
    <p>
      On one side stands the operator's own record, as it is kept while this call runs: who, when, how much.
      On the other what this device opened with keys that the operator does not have. Pictures, sound and
      messages were sealed before they left the devices; for that nobody has to take the operator's word.
    </p>
  ) : (
    <p class="open-call">
      This call is not end-to-end encrypted: beyond its record the operator can see and hear everything that
      this device can.
    </p>
  );
}

function Known({ record: known }: { record: OperatorRecord }) {
  return (
    <>
      <p class="quiet" data-forwarded={known.counts.forwardedPackets}>
        The room: {summary(known)}.
      </p>
      {known.participants.map((participant) => (
        <Participant key={participant.userId} participant={participant} />
      ))}
      {known.more > 0 && <p class="quiet">And {known.more} more who are not listed here.</p>}
    </>
  );
}

function Participant({ participant }: { participant: OperatorRecord["participants"][number] }) {
  const { userId, tracks } = participant;
  const you = userId === state.userId.value;
  const stranger = state.strangers.value.includes(userId);
  const packets = tracks.flatMap(({ layers }) => layers).reduce((sum, layer) => sum + layer.packets, 0);
  return (
    <section class="known" data-user={userId} data-packets={packets} aria-label={nameOf(userId)}>
      <h3>
        {nameOf(userId)} {you && <span class="quiet">(you)</span>}
        {stranger && <span class="stranger"> has no keys; only the operator names them</span>}
      </h3>
      <div class="sides">
        <Side title="The operator has" name="record" lines={operatorLines(participant, you)}>
          {state.isSealed.value && <Sealed tracks={tracks.length} />}
        </Side>
        <Side
          title={you ? "This device sends, before it is sealed" : "This device opened"}
          name="device"
          lines={deviceLines(state.statistics.value, userId, you)}
        />
      </div>
    </section>
  );
}

function Sealed({ tracks }: { tracks: number }) {
  return tracks === 0 ? null : (
    <div class="sealed-content">
      <dt>Pictures and sound</dt>
      <dd>sealed, not readable for the operator</dd>
    </div>
  );
}

interface SideProps {
  title: string;
  name: string;
  lines: readonly Line[];
  children?: preact.ComponentChildren;
}

function Side({ title, name, lines, children }: SideProps) {
  return (
    <div class={`side ${name}`}>
      <h4>{title}</h4>
      <dl>
        {children}
        {lines.map(({ label, value }) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
