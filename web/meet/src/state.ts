// SPDX-License-Identifier: Apache-2.0
// Everything the page shows.

import { computed, signal } from "@preact/signals";
import type { ConnectionState, RosterMember, TRTCStatistics } from "@sealroom/sdk";
import { nameOf } from "./names";
import type { QualityView } from "./quality";
import type { RefusalSummary } from "./refusals";
import type { DeviceKind } from "./remembered";
import { NO_CHANGE, type RosterChange, rosterChange } from "./roster";
import type { SealingView } from "./sealing";

export type Stage = "lobby" | "entering" | "call" | "left";

export interface Trouble {
  readonly message: string;
  readonly action: string;
}

/** A picture of somebody else that may be shown. */
export interface RemotePicture {
  readonly userId: string;
  readonly streamType: "main" | "sub";
}

/** One tile; `large` ones get most of the stage: what is pinned, else shared screens. */
export interface TileView extends RemotePicture {
  readonly hasPicture: boolean;
  readonly large: boolean;
}

/** How many tiles are shown beside our own. */
export const MOST_TILES = 24;
/** What a screen reader has not had time to read is still there when the next comes. */
const ANNOUNCEMENTS_KEPT = 4;
const NOT_SEALED: SealingView = { state: "off", epoch: null, step: null, fault: null };
const NO_REFUSALS: RefusalSummary = { worth: [], usual: 0 };

export const stage = signal<Stage>("lobby");
export const name = signal("");
export const room = signal("");
export const userId = signal("");

export const cameras = signal<readonly MediaDeviceInfo[]>([]);
export const microphones = signal<readonly MediaDeviceInfo[]>([]);
export const speakers = signal<readonly MediaDeviceInfo[]>([]);
/** The devices in use; empty is the browser's choice. */
export const cameraId = signal("");
export const microphoneId = signal("");
export const speakerId = signal("");
export const cameraOn = signal(false);
export const cameraBusy = signal(false);
/** Whether we are to be heard, and what captures us; there is none while it is off before the call. */
export const microphoneOn = signal(true);
export const microphone = signal<MediaStreamTrack | null>(null);
export const sharing = signal(false);
export const cameraTrouble = signal<Trouble | null>(null);
export const microphoneTrouble = signal<Trouble | null>(null);
export const screenTrouble = signal<Trouble | null>(null);
/** By kind: a device that was chosen is not there, and which one takes its place; null once that was read. */
export const deviceNotices = signal<ReadonlyMap<DeviceKind, Trouble | null>>(new Map());
export const trouble = signal<Trouble | null>(null);

export const connection = signal<ConnectionState>("DISCONNECTED");
export const sealing = signal<SealingView>(NOT_SEALED);
export const roster = signal<readonly RosterMember[]>([]);
/** The authentication string of the roster, and who came and went when it last changed. */
export const words = signal<readonly string[]>([]);
export const lastChange = signal<RosterChange>(NO_CHANGE);
/** The roster whose words the person said that everybody reads alike. */
export const compared = signal<readonly RosterMember[] | null>(null);
export const present = signal<readonly string[]>([]);
export const heard = signal<ReadonlySet<string>>(new Set());
export const pictures = signal<readonly RemotePicture[]>([]);
export const pinned = signal<RemotePicture | null>(null);
export const speaking = signal<ReadonlySet<string>>(new Set());
export const refusals = signal<RefusalSummary>(NO_REFUSALS);
/** `strangers` and `silentMembers` for so long that it is no accident of timing. */
export const lastingStrangers = signal<readonly string[]>([]);
export const lastingSilent = signal<readonly string[]>([]);
/** A recorder that nobody has taken note of yet. */
export const recorderNews = signal<readonly string[]>([]);
/** What each stream measured last; null before a call. */
export const statistics = signal<TRTCStatistics | null>(null);
/** How good the connection to each participant is, once it was measured; our own under the empty name. */
export const qualities = signal<ReadonlyMap<string, QualityView>>(new Map());
export const soundBlocked = signal<(() => Promise<void>) | null>(null);
/** What a screen reader is told, oldest first. */
export const announcements = signal<readonly { readonly id: number; readonly text: string }[]>([]);

export const isSealed = computed(() => sealing.value.state !== "off");

export function announce(text: string): void {
  const id = (announcements.value.at(-1)?.id ?? 0) + 1;
  announcements.value = [...announcements.value, { id, text }].slice(-ANNOUNCEMENTS_KEPT);
}

/** Takes a roster and its words; says by how it differs from the one before, which is why the words did. */
export function takeRoster(members: readonly RosterMember[], itsWords: readonly string[]): void {
  const isOther = (user: string): boolean => user !== userId.value;
  const change = rosterChange(roster.value, members);
  const came = change.came.filter(isOther);
  const again = change.again.filter(isOther);
  // The first roster is not a change: nobody came, we did.
  const isFirst = roster.value.length === 0;
  if (!isFirst && came.length + change.went.length + again.length > 0)
    lastChange.value = { came, went: change.went, again };
  roster.value = members;
  words.value = itsWords;
  announceChange(came, change.went, isFirst);
}

/** Who was there before us is no news, except that he records. */
function announceChange(came: readonly string[], went: readonly string[], isFirst: boolean): void {
  const recording = recorders.value;
  const news = came.filter((user) => recording.has(user));
  recorderNews.value = [...recorderNews.value.filter((user) => recording.has(user)), ...news];
  for (const user of news) announce(`${nameOf(user)} records this call.`);
  if (isFirst) return;
  for (const user of came) if (!recording.has(user)) announce(`${nameOf(user)} entered.`);
  for (const user of went) announce(`${nameOf(user)} left.`);
}

/** Members who keep what they see and hear. They stand on the roster like anyone, and are marked wherever they appear. */
export const recorders = computed<ReadonlySet<string>>(
  () => new Set(roster.value.filter(({ role }) => role === "recorder").map((member) => member.userId)),
);

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

export function isSamePicture(one: RemotePicture, other: RemotePicture | null): boolean {
  return one.userId === other?.userId && one.streamType === other.streamType;
}

/** Every tile of others: large ones first, then screens, then people, those with a picture before those without. */
const allTiles = computed<readonly TileView[]>(() => {
  const known = new Set(others.value);
  const shown = pictures.value.filter((picture) => known.has(picture.userId));
  const tilesOf = (streamType: "main" | "sub", users: readonly string[], hasPicture: boolean) =>
    users.map((user) => ({ userId: user, streamType, hasPicture, large: false }));
  const usersOf = (streamType: "main" | "sub"): string[] =>
    shown.filter((one) => one.streamType === streamType).map((one) => one.userId);
  const withPicture = others.value.filter((user) => usersOf("main").includes(user));
  const without = others.value.filter((user) => !withPicture.includes(user));
  const inOrder = [
    ...tilesOf("sub", usersOf("sub"), true),
    ...tilesOf("main", withPicture, true),
    ...tilesOf("main", without, false),
  ];
  const pin = inOrder.find((tile) => isSamePicture(tile, pinned.value));
  if (pin) return [{ ...pin, large: true }, ...inOrder.filter((tile) => tile !== pin)];
  return inOrder.map((tile) => ({ ...tile, large: tile.streamType === "sub" }));
});

export const tiles = computed<readonly TileView[]>(() => allTiles.value.slice(0, MOST_TILES));
/** People and screens for whom there is no tile; they are heard all the same. */
export const tilesLeftOut = computed(() => allTiles.value.length - tiles.value.length);

/** Back to how it was before a call; that sealing failed stays on the page until the next one. */
export function forgetCall(): void {
  connection.value = "DISCONNECTED";
  if (sealing.value.state !== "failed") sealing.value = NOT_SEALED;
  roster.value = [];
  words.value = [];
  lastChange.value = NO_CHANGE;
  compared.value = null;
  present.value = [];
  heard.value = new Set();
  pictures.value = [];
  pinned.value = null;
  speaking.value = new Set();
  refusals.value = NO_REFUSALS;
  lastingStrangers.value = [];
  lastingSilent.value = [];
  recorderNews.value = [];
  statistics.value = null;
  qualities.value = new Map();
  soundBlocked.value = null;
  sharing.value = false;
}
