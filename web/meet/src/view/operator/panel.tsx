// SPDX-License-Identifier: Apache-2.0
// "What the operator can see of this call": what he keeps by his catalogue, and what he counts while it runs, beside what opened on
// this device.

import { signal } from "@preact/signals";
import type { OperatorKept, OperatorRecord } from "@sealroom/sdk";
import { useEffect, useRef } from "preact/hooks";
import { fetchKept, fetchRecord } from "../../call";
import { troubleOf } from "../../client";
import { sealedFrames } from "../../kept";
import { Newest } from "../../newest";
import { summary } from "../../record";
import * as state from "../../state";
import { EyeIcon } from "../icons";
import { Kept } from "./kept";
import { Participant } from "./participant";

const REFRESH_MS = 2_000;
/** The server answers every five seconds. */
const KEPT_REFRESH_MS = 6_000;

const open = signal(false);
const record = signal<OperatorRecord | null>(null);
/** Null where the operator does not tell; undefined before he answered. */
const kept = signal<OperatorKept | null | undefined>(undefined);
const trouble = signal<state.Trouble | null>(null);
const keptTrouble = signal<state.Trouble | null>(null);
const newest = new Newest<OperatorRecord>(fetchRecord, {
  answered(found) {
    record.value = found;
    trouble.value = null;
  },
  failed(error) {
    trouble.value = troubleOf(error);
  },
});

const newestKept = new Newest<OperatorKept | null>(fetchKept, {
  answered(found) {
    kept.value = found;
    keptTrouble.value = null;
  },
  // What was told last stays, with its time.
  failed(error) {
    keptTrouble.value = troubleOf(error);
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
  newestKept.forget();
  open.value = false;
  record.value = null;
  kept.value = undefined;
  trouble.value = null;
  keptTrouble.value = null;
}

function Panel() {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
    newest.ask();
    newestKept.ask();
    const timers = [
      setInterval(() => newest.ask(), REFRESH_MS),
      setInterval(() => newestKept.ask(), KEPT_REFRESH_MS),
    ];
    return () => {
      timers.forEach(clearInterval);
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
      {record.value && <Frames record={record.value} />}
      <Kept kept={kept.value} trouble={keptTrouble.value} />
      {record.value ? (
        <Known record={record.value} />
      ) : (
        !trouble.value && <p class="quiet">Asking the operator…</p>
      )}
    </dialog>
  );
}

/** The one number that all of this is about. */
function Frames({ record: known }: { record: OperatorRecord }) {
  const frames = sealedFrames(known);
  return state.isSealed.value ? (
    <dl class="sealed-count">
      <div>
        <dt>sealed frames went through him, by their open marks</dt>
        <dd data-sealed-frames={frames}>{frames.toLocaleString("en")}</dd>
      </div>
      <div>
        <dt>frames he could open: he has no key</dt>
        <dd class="none">0</dd>
      </div>
    </dl>
  ) : null;
}

function Introduction() {
  return state.isSealed.value ? (
    <p>
      First stands what the operator keeps of this call and of you, by the catalogue that his program is built
      on; then what he counts while the call runs, beside what this device opened with keys that he does not
      have. Pictures, sound and messages were sealed before they left the devices; for that nobody has to take
      his word.
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
    <section class="live" aria-labelledby="live-title">
      <h3 id="live-title">What he counts now</h3>
      <p class="quiet" data-forwarded={known.counts.forwardedPackets}>
        The room: {summary(known)}.
      </p>
      {known.participants.map((participant) => (
        <Participant key={participant.userId} participant={participant} />
      ))}
      {known.more > 0 && <p class="quiet">And {known.more} more who are not listed here.</p>}
    </section>
  );
}
