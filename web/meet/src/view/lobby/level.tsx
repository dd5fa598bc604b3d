// SPDX-License-Identifier: Apache-2.0

import { useEffect, useRef, useState } from "preact/hooks";
import { Meter } from "../../meter";
import * as state from "../../state";

/** After so long without a sound the person is asked to say something. */
const SILENCE_MS = 6_000;
/** A browser that lets the page listen takes a moment to say so. */
const HELD_MS = 500;
/** Below this it is the noise of the room. */
const AUDIBLE = 0.15;

/** `held`: the browser wants a gesture first; `silent`: nothing was heard for a while. */
type Hearing = "hearing" | "silent" | "held";

const HINTS: Readonly<Record<Hearing, string>> = {
  hearing: "Say something: the bar should move.",
  silent: "Nothing is heard. Say something, or choose another microphone.",
  held: "Press a key or click anywhere to test your microphone.",
};

/** The level of the chosen microphone, from before the call until it is entered. */
export function Level() {
  const { value: track } = state.microphone;
  const { value: trouble } = state.microphoneTrouble;
  if (trouble !== null && track === null) {
    return (
      <div class="level" role="alert">
        <p>
          <strong>{trouble.message}</strong> {trouble.action} You can also enter without it: you then only
          listen.
        </p>
      </div>
    );
  }
  return (
    <div class="level">
      {track === null || state.stage.value === "entering" ? (
        <p class="quiet">{withoutLevel()}</p>
      ) : (
        <Bar key={track.id} track={track} />
      )}
    </div>
  );
}

/** Why there is no level to be seen. */
function withoutLevel(): string {
  if (!state.microphoneOn.value) return "Your microphone is off.";
  return state.stage.value === "lobby" ? "Starting the microphone…" : "Your microphone opens when you enter.";
}

function Bar({ track }: { track: MediaStreamTrack }) {
  const bar = useRef<HTMLMeterElement>(null);
  const [hearing, setHearing] = useState<Hearing>("hearing");
  useEffect(() => watch(track, (level) => show(bar.current, level), setHearing), [track]);
  return (
    <>
      <meter class="level-bar" ref={bar} aria-label="Microphone level" min={0} max={1} />
      <p class="quiet">{HINTS[hearing]}</p>
    </>
  );
}

/** Written to the element and not to the state: sixty renderings a second would tell nobody more. */
function show(bar: HTMLMeterElement | null, level: number): void {
  if (bar) bar.value = level;
}

/** Measures at every picture of the screen until the returned function is called. */
function watch(
  track: MediaStreamTrack,
  onLevel: (level: number) => void,
  onHearing: (hearing: Hearing) => void,
): () => void {
  const meter = new Meter(track);
  const resume = (): void => void meter.resume().catch(() => undefined);
  const gestures = ["pointerdown", "keydown"] as const;
  for (const gesture of gestures) addEventListener(gesture, resume);
  const startedAt = performance.now();
  let heardAt = startedAt;
  let frame = requestAnimationFrame(function look(now) {
    const level = meter.level();
    const held = meter.held && now - startedAt > HELD_MS;
    if (level >= AUDIBLE || meter.held) heardAt = now;
    onLevel(level);
    onHearing(held ? "held" : now - heardAt > SILENCE_MS ? "silent" : "hearing");
    frame = requestAnimationFrame(look);
  });
  return () => {
    cancelAnimationFrame(frame);
    for (const gesture of gestures) removeEventListener(gesture, resume);
    meter.close();
  };
}
