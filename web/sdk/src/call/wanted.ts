// SPDX-License-Identifier: Apache-2.0
// The remote videos that were asked for, over all sessions of a call.

import { ErrorCode, RtcError } from "../errors";

export type VideoTrack = "main" | "screen";

/** A remote video, and in which layer. */
export interface WantedVideo {
  readonly userId: string;
  readonly track: VideoTrack;
  readonly layer: number;
}

const nameOf = ({ userId, track }: Omit<WantedVideo, "layer">): string => `${userId}/${track}`;

/** **Whoever was refused is not asked for again**: its caller was told, and asks anew if he still wants it. */
export class WantedVideos {
  private readonly wanted = new Map<string, WantedVideo>();

  get all(): WantedVideo[] {
    return [...this.wanted.values()];
  }

  has(userId: string, track: VideoTrack): boolean {
    return this.wanted.has(nameOf({ userId, track }));
  }

  /** Wants it from now on; what it returns takes that back, unless it was asked for once more since. */
  add(video: WantedVideo): () => void {
    const name = nameOf(video);
    const before = this.wanted.get(name);
    this.wanted.set(name, video);
    return () => {
      if (this.wanted.get(name) !== video) return;
      if (before) this.wanted.set(name, before);
      else this.wanted.delete(name);
    };
  }

  /** A next session refused it. */
  drop(video: WantedVideo): void {
    const name = nameOf(video);
    if (this.wanted.get(name) === video) this.wanted.delete(name);
  }

  /** Nobody wants it any more; whether somebody did. */
  remove(userId: string, track: VideoTrack): boolean {
    return this.wanted.delete(nameOf({ userId, track }));
  }
}

/** Why somebody's video does not come that was given up before it was there. */
export function unwatched(): RtcError {
  return new RtcError(ErrorCode.OPERATION_ABORT, "The remote video was stopped before it came.", {
    reason: "stopped",
    action: "Call startRemoteVideo again.",
  });
}
