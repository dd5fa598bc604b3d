// SPDX-License-Identifier: Apache-2.0

import { canChooseSpeaker, chooseDevice } from "../devices";
import type { DeviceKind } from "../remembered";
import * as state from "../state";

/** One list for each kind of which there is more than one. */
export function DeviceChoices() {
  return (
    <>
      <DeviceChoice kind="camera" label="Camera" devices={state.cameras.value} inUse={state.cameraId.value} />
      <DeviceChoice
        kind="microphone"
        label="Microphone"
        devices={state.microphones.value}
        inUse={state.microphoneId.value}
      />
      {canChooseSpeaker && (
        <DeviceChoice
          kind="speaker"
          label="Loudspeaker"
          devices={state.speakers.value}
          inUse={state.speakerId.value}
        />
      )}
    </>
  );
}

interface DeviceChoiceProps {
  kind: DeviceKind;
  label: string;
  devices: readonly MediaDeviceInfo[];
  inUse: string;
}

/** A list of devices; not there before the browser gives their names. */
function DeviceChoice({ kind, label, devices, inUse }: DeviceChoiceProps) {
  const named = devices.filter((device) => device.label !== "");
  if (named.length < 2) return null;
  return (
    <label>
      {label}
      <select
        data-device={kind}
        value={inUse || named[0]?.deviceId}
        onChange={({ currentTarget }) => chooseDevice(kind, currentTarget.value)}
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
