// SPDX-License-Identifier: Apache-2.0

import { useEffect, useRef } from "preact/hooks";
import { chooseCamera, chooseMicrophone, enter, moveCamera, startCamera, stopCamera } from "../call";
import * as state from "../state";
import { CameraIcon, MicrophoneIcon } from "./icons";
import { Notice } from "./notice";
import { Seal } from "./seal";

/** Name, room and devices, with a live picture; also what is shown after a call. */
export function Lobby() {
  const { value: stage } = state.stage;
  const entering = stage === "entering";
  return (
    <main class="lobby">
      <header>
        <h1>{stage === "left" ? "You left the call" : "Sealroom"}</h1>
        <p class="quiet">Only the people in the call can see and hear it.</p>
      </header>
      {state.sealing.value.state === "failed" && <Seal />}
      <Notice trouble={state.trouble.value} />
      <div class="lobby-columns">
        <Preview />
        <form
          onSubmit={(event) => {
            event.preventDefault();
            enter();
          }}
        >
          <label>
            Your name
            <input
              name="name"
              required
              maxLength={40}
              autocomplete="name"
              value={state.name.value}
              onInput={({ currentTarget }) => {
                state.name.value = currentTarget.value;
              }}
            />
          </label>
          <label>
            Room
            <input
              name="room"
              required
              maxLength={64}
              autocomplete="off"
              autocapitalize="none"
              value={state.room.value}
              onInput={({ currentTarget }) => {
                state.room.value = currentTarget.value;
              }}
            />
          </label>
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
          <button type="submit" class="primary" disabled={entering}>
            {entering ? "Entering…" : stage === "left" ? "Enter again" : "Enter"}
          </button>
        </form>
      </div>
    </main>
  );
}

function Preview() {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const { current: view } = place;
    if (view === null) return;
    if (state.cameraOn.value) moveCamera(view);
    else if (state.stage.value === "lobby") startCamera(view);
  }, []);
  const { value: on } = state.cameraOn;
  const toggleCamera = (): void => {
    if (on) stopCamera();
    else startCamera(place.current);
  };
  return (
    <section class="preview" aria-label="Your picture">
      <div class="picture" ref={place} />
      {!on && (
        <div class="no-picture">
          {state.cameraTrouble.value ? (
            <div role="alert">
              <p>
                <strong>{state.cameraTrouble.value.message}</strong>
              </p>
              <p>{state.cameraTrouble.value.action} You can also enter without it.</p>
            </div>
          ) : (
            <p>{state.cameraBusy.value ? "Starting the camera…" : "Your camera is off."}</p>
          )}
        </div>
      )}
      <div class="preview-buttons">
        <button type="button" onClick={toggleCamera}>
          <CameraIcon off={!on} /> {on ? "Camera on" : "Camera off"}
        </button>
        <button
          type="button"
          onClick={() => {
            state.microphoneOn.value = !state.microphoneOn.value;
          }}
        >
          <MicrophoneIcon off={!state.microphoneOn.value} />{" "}
          {state.microphoneOn.value ? "Microphone on" : "Microphone off"}
        </button>
      </div>
    </section>
  );
}

interface DeviceChoiceProps {
  label: string;
  devices: readonly MediaDeviceInfo[];
  chosen: string;
  onChoose: (deviceId: string) => void;
}

/** A list of devices; not there before the browser gives their names. */
export function DeviceChoice({ label, devices, chosen, onChoose }: DeviceChoiceProps) {
  const named = devices.filter((device) => device.label !== "");
  if (named.length < 2) return null;
  return (
    <label>
      {label}
      <select
        value={chosen || named[0]?.deviceId}
        onChange={({ currentTarget }) => onChoose(currentTarget.value)}
      >
        {named.map((device) => (
          <option key={device.deviceId} value={device.deviceId}>
            {device.label}
          </option>
        ))}
      </select>
    </label>
  );
}
