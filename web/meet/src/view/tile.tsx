// SPDX-License-Identifier: Apache-2.0

import { useEffect, useRef } from "preact/hooks";
import { hidePicture, moveCamera, showPicture } from "../call";
import { initialsOf, nameOf } from "../names";
import * as state from "../state";
import { MicrophoneIcon } from "./icons";

interface TileProps {
  userId: string;
  streamType: "main" | "sub";
  hasPicture: boolean;
  layer: 0 | 1 | 2;
  /** CSS `grid-column-start`, if it does not just follow. */
  column: string;
}

/** Somebody else: picture or initials, name, whether heard. */
export function Tile({ userId, streamType, hasPicture, layer, column }: TileProps) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const { current: view } = place;
    if (!hasPicture || view === null) return;
    showPicture({ userId, streamType }, view, layer).catch(() => undefined);
  }, [userId, streamType, hasPicture, layer]);
  useEffect(() => () => void hidePicture({ userId, streamType }), [userId, streamType]);
  const heard = state.heard.value.has(userId);
  const speaking = heard && state.speaking.value.has(userId) && streamType === "main";
  const name = nameOf(userId);
  return (
    <li
      class={`tile ${streamType === "sub" ? "screen" : ""} ${speaking ? "speaking" : ""}`}
      style={{ "--column": column || "auto" }}
    >
      <div class="picture" ref={place} />
      {!hasPicture && <Initials userId={userId} />}
      <p class="label">
        <span class="tile-name">{streamType === "sub" ? `${name}'s screen` : name}</span>
        {!heard && streamType === "main" && (
          <span class="muted">
            <MicrophoneIcon off />
            <span class="unseen">muted</span>
          </span>
        )}
        {speaking && <span class="unseen">speaking</span>}
      </p>
    </li>
  );
}

/** Ourselves. */
export function OwnTile({ column }: { column: string }) {
  const place = useRef<HTMLDivElement>(null);
  const { value: on } = state.cameraOn;
  useEffect(() => {
    if (on && place.current) moveCamera(place.current);
  }, [on]);
  const speaking = state.microphoneOn.value && state.speaking.value.has("");
  return (
    <li class={`tile own ${speaking ? "speaking" : ""}`} style={{ "--column": column || "auto" }}>
      <div class="picture" ref={place} />
      {!on && <Initials userId={state.userId.value} />}
      <p class="label">
        <span class="tile-name">You</span>
        {!state.microphoneOn.value && (
          <span class="muted">
            <MicrophoneIcon off />
            <span class="unseen">muted</span>
          </span>
        )}
      </p>
    </li>
  );
}

function Initials({ userId }: { userId: string }) {
  return (
    <div class="no-picture" aria-hidden="true">
      <span class="initials">{initialsOf(userId)}</span>
    </div>
  );
}
