// SPDX-License-Identifier: Apache-2.0

import { useEffect, useRef } from "preact/hooks";
import { moveCamera, toggleCamera, toggleMicrophone } from "../../devices";
import * as state from "../../state";
import { CameraIcon, MicrophoneIcon } from "../icons";
import { Level } from "./level";

/** How others will see and hear us. */
export function Preview() {
  const place = useRef<HTMLDivElement>(null);
  const { value: on } = state.cameraOn;
  useEffect(() => {
    if (on && place.current) moveCamera(place.current);
  }, [on]);
  const { value: microphoneOn } = state.microphoneOn;
  return (
    <section class="preview-column" aria-label="Your camera and microphone">
      <div class="preview">
        <div class="picture" ref={place} />
        {!on && <NoPicture />}
      </div>
      <div class="preview-buttons">
        <button type="button" aria-pressed={on} onClick={() => toggleCamera(place.current)}>
          <CameraIcon off={!on} /> {on ? "Camera on" : "Camera off"}
        </button>
        <button type="button" aria-pressed={microphoneOn} onClick={toggleMicrophone}>
          <MicrophoneIcon off={!microphoneOn} /> {microphoneOn ? "Microphone on" : "Microphone off"}
        </button>
      </div>
      <Level />
    </section>
  );
}

function NoPicture() {
  const { value: trouble } = state.cameraTrouble;
  if (trouble === null) {
    return (
      <p class="no-picture">{state.cameraBusy.value ? "Starting the camera…" : "Your camera is off."}</p>
    );
  }
  return (
    <div class="no-picture" role="alert">
      <p>
        <strong>{trouble.message}</strong>
      </p>
      <p>{trouble.action} You can also enter without it.</p>
    </div>
  );
}
