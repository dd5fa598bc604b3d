// SPDX-License-Identifier: Apache-2.0

import { useEffect, useRef, useState } from "preact/hooks";
import { nameOf } from "../names";
import * as state from "../state";
import { Controls } from "./controls";
import { DeviceNotices, Notice } from "./notice";
import { OperatorPanel } from "./operator/panel";
import { Differences, People, Recording } from "./people/people";
import { Refusals } from "./seal/refusals";
import { Seal, SealBanner } from "./seal/seal";
import { gridFor } from "./tiles/grid";
import { OwnTile, Tile } from "./tiles/tile";

/** Fewer tiles are larger, and get a larger layer. */
function layerFor(count: number): 0 | 1 | 2 {
  if (count <= 2) return 2;
  return count <= 9 ? 1 : 0;
}

/** A call. */
export function Room() {
  const [showPeople, setShowPeople] = useState(false);
  return (
    <div class="room">
      <Head />
      <section class="notices" aria-label="Notices">
        <SealBanner />
        <Differences />
        <RecorderNews />
        {state.connection.value === "RECONNECTING" && (
          <p class="notice" role="status">
            The connection was lost. Trying to come back…
          </p>
        )}
        <Troubles />
        <DeviceNotices />
        <SoundBlocked />
      </section>
      <main class="stage">
        <Tiles />
        {showPeople && <People onClose={() => setShowPeople(false)} />}
      </main>
      <OperatorPanel />
      <Controls showPeople={showPeople} onPeople={() => setShowPeople(!showPeople)} />
    </div>
  );
}

function Head() {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  return (
    <header class="room-head">
      <h1 tabIndex={-1} ref={heading}>
        {state.room.value}
      </h1>
      <Recording />
      <Refusals />
      <Seal />
    </header>
  );
}

function Tiles() {
  const { value: tiles } = state.tiles;
  const large = tiles.filter((tile) => tile.large).length;
  const grid = gridFor(tiles.length + 1, large);
  const layer = layerFor(tiles.length);
  return (
    <div class="tiles-column">
      <ul class={grid.presenting ? "tiles presenting" : "tiles"} style={grid.style} aria-label="Pictures">
        {tiles.map((tile, place) => (
          <Tile
            key={`${tile.userId}/${tile.streamType}`}
            {...tile}
            layer={tile.large ? 2 : large > 0 ? 0 : layer}
            column={grid.columnOf(place)}
          />
        ))}
        <OwnTile column={grid.columnOf(tiles.length)} />
      </ul>
      {tiles.length === 0 && <Invite />}
      {state.tilesLeftOut.value > 0 && (
        <p class="aside">{state.tilesLeftOut.value} more are heard, but there is no tile for them.</p>
      )}
    </div>
  );
}

function Invite() {
  const [copied, setCopied] = useState(false);
  const address = new URL(`?room=${encodeURIComponent(state.room.value)}`, location.href).href;
  const copy = (): void =>
    void navigator.clipboard.writeText(address).then(
      () => setCopied(true),
      () => undefined,
    );
  return (
    <p class="aside">
      Nobody else is here yet.{" "}
      <button type="button" onClick={copy}>
        {copied ? "Link copied" : "Copy link to invite"}
      </button>
    </p>
  );
}

function Troubles() {
  const troubles = [state.trouble, state.microphoneTrouble, state.cameraTrouble, state.screenTrouble];
  const close = (): void => {
    for (const one of troubles) one.value = null;
  };
  return <Notice trouble={troubles.find((one) => one.value !== null)?.value ?? null} onClose={close} />;
}

/** A recorder entered, or was there before us. */
function RecorderNews() {
  const { value: news } = state.recorderNews;
  if (news.length === 0) return null;
  const names = news.map(nameOf).join(", ");
  return (
    <Notice
      trouble={{
        message: `${names} records this call.`,
        action: "A recorder holds keys like everybody on the list. If you do not agree, leave the call.",
      }}
      onClose={() => {
        state.recorderNews.value = [];
      }}
    />
  );
}

function SoundBlocked() {
  const { value: resume } = state.soundBlocked;
  if (resume === null) return null;
  const play = (): void => {
    state.soundBlocked.value = null;
    resume().catch(() => undefined);
  };
  return (
    <p class="notice">
      The browser holds the sound back.{" "}
      <button type="button" onClick={play}>
        Play sound
      </button>
    </p>
  );
}
