// SPDX-License-Identifier: Apache-2.0
// Everything the page shows.

import { computed, signal } from "@preact/signals";
import type {
  ConnectionState,
  Fault,
  RefusalReason,
  RosterMember,
  SealingEventState,
  TRTCStatistics,
} from "@sealroom/sdk";

export type Stage = "lobby" | "entering" | "call" | "left";

export interface Trouble {
  readonly message: string;
  readonly action: string;
}

export interface SealingView {
  readonly state: SealingEventState;
  readonly epoch: number | null;
  readonly step: number | null;
  readonly fault: Fault | null;
}

/** A picture of somebody else that may be shown. */
export interface RemotePicture {
  readonly userId: string;
  readonly streamType: "main" | "sub";
}

/** By how a roster differs from the one before. */
export interface RosterChange {
  readonly came: readonly string[];
  readonly went: readonly string[];
}

/** How many tiles are shown beside our own. */
export const MOST_TILES = 24;
const NOT_SEALED: SealingView = { state: "off", epoch: null, step: null, fault: null };

export const stage = signal<Stage>("lobby");
export const name = signal("");
export const room = signal("");
export const userId = signal("");

export const cameras = signal<readonly MediaDeviceInfo[]>([]);
export const microphones = signal<readonly MediaDeviceInfo[]>([]);
export const cameraId = signal("");
export const microphoneId = signal("");
export const cameraOn = signal(false);
export const cameraBusy = signal(false);
export const microphoneOn = signal(true);
export const sharing = signal(false);
export const cameraTrouble = signal<Trouble | null>(null);
export const microphoneTrouble = signal<Trouble | null>(null);
export const screenTrouble = signal<Trouble | null>(null);
export const trouble = signal<Trouble | null>(null);

export const connection = signal<ConnectionState>("DISCONNECTED");
export const sealing = signal<SealingView>(NOT_SEALED);
export const roster = signal<readonly RosterMember[]>([]);
/** The authentication string of the roster, and who came and went when it last changed. */
export const words = signal<readonly string[]>([]);
export const lastChange = signal<RosterChange>({ came: [], went: [] });
export const present = signal<readonly string[]>([]);
export const heard = signal<ReadonlySet<string>>(new Set());
export const pictures = signal<readonly RemotePicture[]>([]);
export const speaking = signal<ReadonlySet<string>>(new Set());
/** Frames refused lately, by reason. */
export const refusals = signal<ReadonlyMap<RefusalReason, number>>(new Map());
/** What each stream measured last; null before a call. */
export const statistics = signal<TRTCStatistics | null>(null);
export const soundBlocked = signal<(() => Promise<void>) | null>(null);
/** What a screen reader is told. */
export const announcement = signal("");

export const isSealed = computed(() => sealing.value.state !== "off");

/** Takes a roster and its words; says by how it differs from the one before, which is why the words did. */
export function takeRoster(members: readonly RosterMember[], itsWords: readonly string[]): void {
  const names = (list: readonly RosterMember[]): string[] => list.map((member) => member.userId);
  const [before, after] = [names(roster.value), names(members)];
  const came = after.filter((user) => !before.includes(user) && user !== userId.value);
  const went = before.filter((user) => !after.includes(user));
  // The first roster is not a change: nobody came, we did.
  if (before.length > 0 && came.length + went.length > 0) lastChange.value = { came, went };
  roster.value = members;
  words.value = itsWords;
}

/** The others, by name: in a sealed call those whom the authority's roster and the operator both name. */
export const others = computed<readonly string[]>(() => {
  const users = isSealed.value ? roster.value.map((member) => member.userId) : present.value;
  return users.filter((user) => user !== userId.value && present.value.includes(user));
});

/** Whom the operator names and the authority does not: they hold no keys, and nothing of theirs is shown. */
export const strangers = computed<readonly string[]>(() => {
  if (!isSealed.value) return [];
  const members = new Set(roster.value.map((member) => member.userId));
  return present.value.filter((user) => !members.has(user) && user !== userId.value);
});

/** Members that the operator does not name: they hold keys, but send and receive nothing through this room. */
export const silentMembers = computed<readonly string[]>(() => {
  if (!isSealed.value) return [];
  const users = roster.value.map((member) => member.userId);
  return users.filter((user) => user !== userId.value && !present.value.includes(user));
});

/** The tiles of others: shared screens first, then people in the order of the roster. */
export const tiles = computed<readonly { userId: string; streamType: "main" | "sub"; hasPicture: boolean }[]>(
  () => {
    const known = new Set(others.value);
    const shown = pictures.value.filter((picture) => known.has(picture.userId));
    const screens = shown.filter(({ streamType }) => streamType === "sub");
    const people = others.value.map((user) => ({
      userId: user,
      streamType: "main" as const,
      hasPicture: shown.some((picture) => picture.userId === user && picture.streamType === "main"),
    }));
    const withPictureFirst = [
      ...people.filter((one) => one.hasPicture),
      ...people.filter((one) => !one.hasPicture),
    ];
    return [...screens.map((screen) => ({ ...screen, hasPicture: true })), ...withPictureFirst].slice(
      0,
      MOST_TILES,
    );
  },
);

/** Back to how it was before a call; that sealing failed stays on the page until the next one. */
export function forgetCall(): void {
  connection.value = "DISCONNECTED";
  if (sealing.value.state !== "failed") sealing.value = NOT_SEALED;
  roster.value = [];
  words.value = [];
  lastChange.value = { came: [], went: [] };
  present.value = [];
  heard.value = new Set();
  pictures.value = [];
  speaking.value = new Set();
  refusals.value = new Map();
  statistics.value = null;
  soundBlocked.value = null;
  sharing.value = false;
}
