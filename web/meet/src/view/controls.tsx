// SPDX-License-Identifier: Apache-2.0

import { canShare, leave, startSharing, stopSharing } from "../call";
import { toggleCamera, toggleMicrophone } from "../devices";
import * as state from "../state";
import { DeviceChoices } from "./devices";
import { CameraIcon, DevicesIcon, LeaveIcon, MicrophoneIcon, PeopleIcon, ScreenIcon } from "./icons";
import { OperatorButton } from "./operator/panel";

interface ControlsProps {
  showPeople: boolean;
  onPeople: () => void;
}

/** What one does in a call. On a phone the words are there for screen readers only. */
export function Controls({ showPeople, onPeople }: ControlsProps) {
  const { value: cameraOn } = state.cameraOn;
  const { value: microphoneOn } = state.microphoneOn;
  const { value: sharing } = state.sharing;
  const differs = state.lastingStrangers.value.length + state.lastingSilent.value.length > 0;
  return (
    <section class="controls" aria-label="Call controls">
      <button type="button" class={microphoneOn ? "" : "is-off"} onClick={toggleMicrophone}>
        <MicrophoneIcon off={!microphoneOn} /> <span>{microphoneOn ? "Mute" : "Unmute"}</span>
      </button>
      <button
        type="button"
        class={cameraOn ? "" : "is-off"}
        disabled={state.cameraBusy.value}
        onClick={() => toggleCamera(null)}
      >
        <CameraIcon off={!cameraOn} /> <span>{cameraOn ? "Stop camera" : "Start camera"}</span>
      </button>
      {canShare && (
        <button type="button" aria-pressed={sharing} onClick={sharing ? stopSharing : startSharing}>
          <ScreenIcon off={sharing} /> <span>{sharing ? "Stop sharing" : "Share screen"}</span>
        </button>
      )}
      <button type="button" aria-expanded={showPeople} aria-controls="people" onClick={onPeople}>
        <PeopleIcon /> <span>{state.others.value.length + 1} here</span>
        {differs && <span class="badge">!</span>}
      </button>
      <OperatorButton />
      <button type="button" popovertarget="devices">
        <DevicesIcon /> <span>Devices</span>
      </button>
      <section class="popover" id="devices" popover="auto" aria-labelledby="devices-title">
        <h2 id="devices-title">Devices</h2>
        <div class="devices-list">
          <DeviceChoices />
        </div>
      </section>
      <button type="button" class="leave" onClick={leave}>
        <LeaveIcon /> <span>Leave</span>
      </button>
    </section>
  );
}
