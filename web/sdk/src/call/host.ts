// SPDX-License-Identifier: Apache-2.0

import type { StreamType } from "../constants";
import type { Emitter } from "../events";
import type { SoundOutput } from "../media/output";
import type { Diary } from "../quality/diary";
import type { Outgoing } from "../session/sending";
import type { Signalling } from "../wire.gen";
import type { Presence } from "./participants";
import type { VideoTrack } from "./wanted";

export const streamOf = (track: VideoTrack): StreamType => (track === "screen" ? "sub" : "main");
export const trackOf = (stream: StreamType): VideoTrack => (stream === "sub" ? "screen" : "main");

/** What the call needs of the SDK's face. */
export interface CallHost {
  readonly emitter: Emitter;
  /** What happens on this device, until it is told. */
  readonly diary: Diary;
  /** Where what is received sounds. */
  readonly output: SoundOutput;
  /** What we send now; sent again after every re-entry. */
  outgoing(): ReadonlyMap<Signalling.Track, Outgoing>;
  startWorker(): Worker;
  /** A remote video that was asked for is gone. */
  videoGone(userId: string, track: VideoTrack): void;
  /** A remote video that was asked for arrives on this track from now on. */
  videoMoved(userId: string, track: VideoTrack, media: MediaStreamTrack): void;
  /** The call is over: put out, given up, or sealing failed. */
  ended(): void;
}

/** Says what changed of others, in trtc-sdk-v5's events. */
export function tell(host: CallHost, changes: readonly Presence[]): void {
  const { emitter } = host;
  for (const change of changes) {
    const { userId } = change;
    if (change.what === "enter") emitter.emit("remote-user-enter", { userId });
    else if (change.what === "exit") emitter.emit("remote-user-exit", { userId, reason: change.reason });
    else if (change.track === "audio") emitter.emit(`remote-audio-${change.what}`, { userId });
    else {
      if (change.what === "unavailable") host.videoGone(userId, change.track);
      emitter.emit(`remote-video-${change.what}`, { userId, streamType: streamOf(change.track) });
    }
  }
}
