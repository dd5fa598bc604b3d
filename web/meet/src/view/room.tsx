// SPDX-License-Identifier: Apache-2.0

import { useEffect, useRef, useState } from "preact/hooks";
import {
  canShare,
  chooseCamera,
  chooseMicrophone,
  leave,
  startCamera,
  startSharing,
  stopCamera,
  stopSharing,
  toggleMicrophone,
} from "../call";
import * as state from "../state";
import { gridFor } from "./grid";
import { CameraIcon, LeaveIcon, MicrophoneIcon, PeopleIcon, ScreenIcon } from "./icons";
import { DeviceChoice } from "./lobby";
import { Notice } from "./notice";
import { OperatorButton, OperatorPanel } from "./operator";
import { People } from "./people";
import { Seal } from "./seal";
import { OwnTile, Tile } from "./tile";

/** Fewer tiles are larger, and get a larger layer. */
function layerFor(count: number): 0 | 1 | 2 {
  if (count <= 1) return 2;
  return count <= 4 ? 1 : 0;
}

/** The call. */
export function Room() {
  const [showPeople, setShowPeople] = useState(false);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  const { value: tiles } = state.tiles;
  const layer = layerFor(tiles.length);
  const screens = tiles.filter(({ streamType }) => streamType === "sub").length;
  const grid = gridFor(tiles.length + 1, screens);
  return (
    <div class="room">
      <header class="room-head">
        <h1 tabIndex={-1} ref={heading}>
          {state.room.value}
        </h1>
        <Seal />
      </header>
      {state.connection.value === "RECONNECTING" && (
        <p class="notice" role="status">
          The connection was lost. Trying to come back…
        </p>
      )}
      <Notice
        trouble={
          state.trouble.value ??
          state.microphoneTrouble.value ??
          state.cameraTrouble.value ??
          state.screenTrouble.value
        }
        onClose={closeNotices}
      />
      <SoundBlocked />
      <main class="stage">
        <ul class={grid.presenting ? "tiles presenting" : "tiles"} style={grid.style} aria-label="Pictures">
          {tiles.map((tile, place) => (
            <Tile
              key={`${tile.userId}/${tile.streamType}`}
              {...tile}
              layer={layer}
              column={grid.columnOf(place)}
            />
          ))}
          <OwnTile column={grid.columnOf(tiles.length)} />
        </ul>
        {showPeople && <People />}
      </main>
      {tiles.length === 0 && (
        <p class="alone">Nobody else is here yet. Share this page's address to invite.</p>
      )}
      <OperatorPanel />
      <Controls showPeople={showPeople} onPeople={() => setShowPeople(!showPeople)} />
    </div>
  );
}

function closeNotices(): void {
  state.trouble.value = null;
  state.microphoneTrouble.value = null;
  state.cameraTrouble.value = null;
  state.screenTrouble.value = null;
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

function Controls({ showPeople, onPeople }: { showPeople: boolean; onPeople: () => void }) {
  const { value: cameraOn } = state.cameraOn;
  const { value: microphoneOn } = state.microphoneOn;
  const { value: sharing } = state.sharing;
  const toggleCamera = (): void => void (cameraOn ? stopCamera() : startCamera(null));
  return (
    <section class="controls" aria-label="Call controls">
      <button type="button" onClick={toggleMicrophone}>
        <MicrophoneIcon off={!microphoneOn} /> <span>{microphoneOn ? "Mute" : "Unmute"}</span>
      </button>
      <button type="button" disabled={state.cameraBusy.value} onClick={toggleCamera}>
        <CameraIcon off={!cameraOn} /> <span>{cameraOn ? "Stop camera" : "Start camera"}</span>
      </button>
      {canShare && (
        <button type="button" aria-pressed={sharing} onClick={sharing ? stopSharing : startSharing}>
          <ScreenIcon off={sharing} /> <span>{sharing ? "Stop sharing" : "Share screen"}</span>
        </button>
      )}
      <button type="button" aria-expanded={showPeople} aria-controls="people" onClick={onPeople}>
        <PeopleIcon /> <span>{state.others.value.length + 1} here</span>
      </button>
      <OperatorButton />
      <details class="devices">
        <summary>Devices</summary>
        <div class="devices-list">
          <DeviceChoice
            label="Camera"
            devices={state.cameras.value}
            chosen={state.cameraId.value}
            onChoose={chooseCamera}
          />
          <DeviceChoice
            label="Microphone"
            devices={state.microphones.value}
            chosen={state.microphoneId.value}
            onChoose={chooseMicrophone}
          />
        </div>
      </details>
      <button type="button" class="leave" onClick={leave}>
        <LeaveIcon /> <span>Leave</span>
      </button>
    </section>
  );
}
