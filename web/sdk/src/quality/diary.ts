// SPDX-License-Identifier: Apache-2.0
// What happened on this device, until it is told: events, and the SDK's log. Bounded, and nothing in it is a name or a sentence.

import { ExtraCode, type RtcError } from "../errors";
import { MAX_LOG_BYTES, MAX_LOG_ENTRIES, MAX_REPORTED_EVENTS, type Signalling } from "../wire.gen";

/** Events that wait; what comes beyond is left out and counted in the log. */
const MOST_EVENTS = 4 * MAX_REPORTED_EVENTS;
/** The protocol's bounds: one number beyond them would cost all that is told with it. */
const MOST_CODE = 999_999;
const MOST_MS = 3_600_000;
/** Of a message with entries of the log, what is not entries. All of it is ASCII. */
const LOG_FRAME_BYTES = 80;
const WORD = /^[a-zA-Z][a-zA-Z0-9_]{0,47}$/;

type ReportedEvent = Signalling.ReportEvents["events"][number];
type Without<T> = T extends unknown ? Omit<T, "at"> : never;
/** An event without its time. */
export type Happening = Without<ReportedEvent>;
/** An entry of the log without its time. */
export type Note = Omit<Signalling.LogEntry, "at" | "count">;

type Dated<T> = T & { at: number };

const FAULTS: Readonly<Record<number, Signalling.CaptureFault>> = {
  [ExtraCode.DEVICE_NOT_FOUND]: "not_found",
  [ExtraCode.DEVICE_DENIED]: "denied",
  [ExtraCode.DEVICE_BUSY]: "busy",
  [ExtraCode.DEVICE_OVERCONSTRAINED]: "overconstrained",
};

/** Kept from the making of a participant on, so that what fails before there is a room is told in it. */
export class Diary {
  private events: Array<Dated<Happening>> = [];
  private notes: Array<Dated<Note> & { count: number }> = [];
  private missed = 0;

  /** `now` is monotonic, in milliseconds. */
  constructor(
    private readonly now: () => number,
    private readonly log: boolean,
  ) {}

  happened(event: Happening): void {
    if (this.events.length >= MOST_EVENTS) this.missed++;
    else this.events.push({ ...bounded(event), at: this.now() });
  }

  /** Notes something in the log. What says the same as the entry before it is only counted there. */
  note(note: Note): void {
    if (!this.log) return;
    const last = this.notes.at(-1);
    if (last && isSame(last, note)) last.count++;
    else if (this.notes.length >= MAX_LOG_ENTRIES - 1) this.missed++;
    else this.notes.push({ ...note, at: this.now(), count: 1 });
  }

  /** An error that the caller was told of. */
  failed(place: string, error: RtcError, level: Signalling.LogLevel = "warning"): void {
    const { code, extraCode } = error;
    const event = code === 5300 ? "device_failed" : "call_failed";
    const number = Math.min(MOST_CODE, Math.abs(extraCode) || code);
    this.note({ level, event, code: number, reason: wordOf(error), place: word(place) });
    const device = DEVICES[place];
    if (device && code === 5300) {
      this.happened({ what: "capture-failed", device, reason: FAULTS[extraCode] ?? "other" });
    }
  }

  /** Another call may be in another room, and at another server: what waits is of this one. */
  forget(): void {
    this.events = [];
    this.notes = [];
    this.missed = 0;
  }

  /** The events that wait, at most one message of them, with times since `enteredAt`. */
  takeEvents(enteredAt: number): ReportedEvent[] {
    const taken = this.events.splice(0, MAX_REPORTED_EVENTS);
    return taken.map((event) => ({ ...event, at: since(enteredAt, event.at) }) as ReportedEvent);
  }

  /** The entries that wait, as many as one message holds: the server refuses a larger one whole. The others wait on. */
  takeLog(enteredAt: number): Signalling.LogEntry[] {
    if (this.missed > 0 && this.log) {
      this.notes.push({ at: this.now(), level: "warning", event: "entries_left_out", count: this.missed });
      this.missed = 0;
    }
    const entries = this.notes.map((note) => ({ ...note, at: since(enteredAt, note.at) }));
    let room = MAX_LOG_BYTES - LOG_FRAME_BYTES;
    const most = entries.findIndex((entry, place) => {
      room -= JSON.stringify(entry).length + 1;
      return room < 0 || place >= MAX_LOG_ENTRIES;
    });
    const taken = most === -1 ? entries : entries.slice(0, most);
    this.notes.splice(0, taken.length);
    return taken;
  }
}

const DEVICES: Readonly<Record<string, Signalling.Device>> = {
  startLocalAudio: "microphone",
  updateLocalAudio: "microphone",
  startLocalVideo: "camera",
  updateLocalVideo: "camera",
  startScreenShare: "screen",
  updateScreenShare: "screen",
};

/** A device that slept was away for longer than anybody asks. */
function bounded(event: Happening): Happening {
  if (event.what === "reconnected") return { ...event, took: Math.min(MOST_MS, event.took) };
  if (event.what === "key-waited") return { ...event, waited: Math.min(MOST_MS, event.waited) };
  return event;
}

/** What came before the entry is told as of its beginning. */
function since(enteredAt: number, at: number): number {
  return Math.max(0, Math.round(at - enteredAt));
}

function isSame(one: Note, other: Note): boolean {
  const { level, event, code, reason, place, track } = other;
  return (
    one.level === level &&
    one.event === event &&
    one.code === code &&
    one.reason === reason &&
    one.place === place &&
    one.track === track
  );
}

/** The error's stable word, or the browser's name of it; never its text, which may hold anything. */
function wordOf({ reason, originError }: RtcError): string {
  if (reason !== "") return word(reason);
  return originError instanceof DOMException ? word(originError.name) : "";
}

/** A word of the form that the protocol takes, or none. */
export function word(text: string): string {
  return WORD.test(text) ? text : "";
}
