// SPDX-License-Identifier: Apache-2.0

import type { Signalling } from "../wire.gen";

/** What changed for the others to see, in trtc-sdk-v5's terms. */
export type Presence =
  | { readonly what: "enter"; readonly userId: string }
  | { readonly what: "exit"; readonly userId: string; readonly reason: number }
  | { readonly what: "available" | "unavailable"; readonly userId: string; readonly track: Signalling.Track };

/** trtc-sdk-v5's numbers of reasons. */
const REASON: Readonly<Record<Signalling.LeaveReason, number>> = {
  left: 0,
  timeout: 1,
  kicked: 2,
  role_changed: 3,
};

/** Who is in the room and what they send, as the operator says. Muted tracks count as not available, as in TRTC. */
export class Participants {
  private readonly tracks = new Map<string, Map<Signalling.Track, boolean>>();

  /** User ids, in the order they entered. */
  get users(): string[] {
    return [...this.tracks.keys()];
  }

  has(userId: string): boolean {
    return this.tracks.has(userId);
  }

  /** Whether the track is published and not muted. */
  available(userId: string, track: Signalling.Track): boolean {
    return this.tracks.get(userId)?.get(track) === false;
  }

  /** Takes the list of a new entry; what was known before and is not on it has gone. */
  replace(participants: readonly Signalling.Participant[]): Presence[] {
    const now = new Set(participants.map(({ userId }) => userId));
    const gone = this.users.filter((userId) => !now.has(userId));
    return [
      ...gone.flatMap((userId) => this.leave(userId, "timeout")),
      ...participants.flatMap((one) => this.enter(one)),
    ];
  }

  enter({ userId, tracks }: Signalling.Participant): Presence[] {
    const changes: Presence[] = this.tracks.has(userId) ? [] : [{ what: "enter", userId }];
    const known = this.tracks.get(userId) ?? new Map<Signalling.Track, boolean>();
    this.tracks.set(userId, known);
    const now = new Set(tracks.map(({ track }) => track));
    for (const track of [...known.keys()]) {
      if (!now.has(track)) changes.push(...this.unpublish(userId, track));
    }
    for (const { track, muted } of tracks) changes.push(...this.publish(userId, track, muted));
    return changes;
  }

  leave(userId: string, reason: Signalling.LeaveReason): Presence[] {
    const tracks = this.tracks.get(userId);
    if (tracks === undefined) return [];
    const changes = [...tracks.keys()].flatMap((track) => this.unpublish(userId, track));
    this.tracks.delete(userId);
    return [...changes, { what: "exit", userId, reason: REASON[reason] }];
  }

  /** A track flows, or its mute state changed. */
  publish(userId: string, track: Signalling.Track, muted: boolean): Presence[] {
    const before = this.available(userId, track);
    this.tracks.get(userId)?.set(track, muted);
    return this.compared(userId, track, before);
  }

  unpublish(userId: string, track: Signalling.Track): Presence[] {
    const before = this.available(userId, track);
    this.tracks.get(userId)?.delete(track);
    return this.compared(userId, track, before);
  }

  private compared(userId: string, track: Signalling.Track, before: boolean): Presence[] {
    const after = this.available(userId, track);
    return before === after ? [] : [{ what: after ? "available" : "unavailable", userId, track }];
  }
}
