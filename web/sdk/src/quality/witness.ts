// SPDX-License-Identifier: Apache-2.0
// Writes into the diary what the SDK's own events say.

import type { StreamType } from "../constants";
import type { Emitter, EventName, EventPayloads, SealingEventState } from "../events";
import { type Diary, word } from "./diary";

const TRACKS = { audio: "audio", video: "main", screen: "screen" } as const;

/** From now on. `slotOf` says in which slot somebody's picture arrives. */
export function witness(
  emitter: Emitter,
  diary: Diary,
  slotOf: (userId: string, streamType: StreamType) => number | undefined,
): void {
  let sealing: SealingEventState = "off";
  const saw: { [E in EventName]?: (...payload: EventPayloads[E]) => void } = {
    error: (error) => diary.failed("", error, "error"),
    "autoplay-failed": ({ mediaType }) =>
      diary.note({
        level: "warning",
        event: "autoplay_failed",
        track: mediaType === "audio" ? "audio" : "main",
      }),
    "device-changed": ({ type: device, action }) =>
      diary.happened({ what: "device-changed", device, action }),
    "publish-state-changed": ({ mediaType, error }) => {
      if (error === undefined) return;
      const track = TRACKS[mediaType];
      diary.note({ level: "warning", event: "publish_failed", track, code: error.code });
    },
    "first-video-frame": ({ userId, streamType }) => {
      const slot = slotOf(userId, streamType);
      if (slot !== undefined) diary.happened({ what: "first-frame", slot });
    },
    "sealing-state-changed": ({ state, fault }) => {
      if (state === sealing || state === "off") return;
      sealing = state;
      diary.happened({ what: "key-state-changed", state });
      if (state === "joining" || state === "sealed") return;
      const level = state === "failed" ? "error" : "warning";
      diary.note({ level, event: `sealing_${state}`, ...(fault && { reason: word(fault.code) }) });
    },
  };
  emitter.watch((event, payload) => (saw[event] as ((...of: unknown[]) => void) | undefined)?.(...payload));
}
