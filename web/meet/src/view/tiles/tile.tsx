// SPDX-License-Identifier: Apache-2.0

import { useEffect, useRef } from "preact/hooks";
import { hidePicture, showPicture } from "../../call";
import { moveCamera } from "../../devices";
import { initialsOf, nameOf } from "../../names";
import * as state from "../../state";
import { MicrophoneIcon, PinIcon, RecordIcon } from "../icons";
import { QualityMark } from "./quality";

interface TileProps extends state.TileView {
  layer: 0 | 1 | 2;
  /** CSS `grid-column-start`, if it does not just follow. */
  column: string;
}

/** Somebody else: picture or initials, name, whether heard. */
export function Tile({ userId, streamType, hasPicture, large, layer, column }: TileProps) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const { current: view } = place;
    if (!hasPicture || view === null) return;
    showPicture({ userId, streamType }, view, layer).catch(() => undefined);
  }, [userId, streamType, hasPicture, layer]);
  useEffect(() => () => void hidePicture({ userId, streamType }), [userId, streamType]);
  const heard = state.heard.value.has(userId);
  const speaking = heard && state.speaking.value.has(userId) && streamType === "main";
  const name = streamType === "sub" ? `${nameOf(userId)}'s screen` : nameOf(userId);
  const classes = ["tile", streamType === "sub" && "screen", large && "large", speaking && "speaking"];
  return (
    <li class={classes.filter(Boolean).join(" ")} style={{ "--column": column || "auto" }}>
      <Initials userId={userId} />
      <div class="picture" ref={place} />
      <p class="label">
        {state.recorders.value.has(userId) && (
          <span class="records">
            <RecordIcon />
            <span class="unseen">records this call:</span>
          </span>
        )}
        <span class="tile-name">{name}</span>
        {!heard && streamType === "main" && (
          <span class="muted">
            <MicrophoneIcon off />
            <span class="unseen">muted</span>
          </span>
        )}
        {speaking && <span class="unseen">speaking</span>}
        {streamType === "main" && <QualityMark userId={userId} />}
      </p>
      <Pin picture={{ userId, streamType }} name={name} />
    </li>
  );
}

/** Gives one tile most of the stage, until it is taken back. */
function Pin({ picture, name }: { picture: state.RemotePicture; name: string }) {
  const pinned = state.isSamePicture(picture, state.pinned.value);
  const toggle = (): void => {
    state.pinned.value = pinned ? null : picture;
  };
  return (
    <button type="button" class="pin" aria-pressed={pinned} aria-label={`Pin ${name}`} onClick={toggle}>
      <PinIcon />
    </button>
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
      <Initials userId={state.userId.value} />
      <div class="picture" ref={place} />
      <p class="label">
        <span class="tile-name">You</span>
        {!state.microphoneOn.value && (
          <span class="muted">
            <MicrophoneIcon off />
            <span class="unseen">muted</span>
          </span>
        )}
        <QualityMark userId="" />
      </p>
    </li>
  );
}

/** Seen where the picture over them shows nothing: there is none, or none that opened yet. */
function Initials({ userId }: { userId: string }) {
  return (
    <span class="initials" aria-hidden="true">
      {initialsOf(userId)}
    </span>
  );
}
