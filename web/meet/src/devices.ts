// SPDX-License-Identifier: Apache-2.0
// Camera, microphone and loudspeaker: started, changed, remembered, and replaced when they are gone.

import { ExtraCode, RtcError, TRTC } from "@sealroom/sdk";
import { troubleOf, trtc } from "./client";
import { type DeviceKind, idAmong, remember, remembered } from "./remembered";
import * as state from "./state";

/** Whether this browser lets a page choose where it sounds. */
export const canChooseSpeaker =
  typeof HTMLMediaElement !== "undefined" && "setSinkId" in HTMLMediaElement.prototype;

const DEVICES = {
  camera: { list: state.cameras, id: state.cameraId },
  microphone: { list: state.microphones, id: state.microphoneId },
  speaker: { list: state.speakers, id: state.speakerId },
} as const;

/** Lists the devices again; their names are there once one was allowed. */
export async function listDevices(): Promise<void> {
  state.cameras.value = await TRTC.getCameraList();
  state.microphones.value = await TRTC.getMicrophoneList();
  state.speakers.value = await TRTC.getSpeakerList();
}

/** Turns the camera on and shows it in `view`. */
export async function startCamera(view: HTMLElement | null): Promise<void> {
  if (state.cameraBusy.value || state.cameraOn.value) return;
  state.cameraBusy.value = true;
  try {
    await withDevice("camera", (cameraId) =>
      trtc.startLocalVideo({ view, option: { ...(cameraId && { cameraId }), mirror: true } }),
    );
    state.cameraOn.value = true;
    state.cameraTrouble.value = null;
    await started("camera", trtc.getVideoTrack());
  } catch (error) {
    await trtc.stopLocalVideo().catch(() => undefined);
    state.cameraTrouble.value = troubleOf(error);
  }
  state.cameraBusy.value = false;
}

export async function stopCamera(): Promise<void> {
  state.cameraOn.value = false;
  await trtc.stopLocalVideo().catch(() => undefined);
}

export async function toggleCamera(view: HTMLElement | null): Promise<void> {
  if (state.cameraBusy.value) return;
  remember({ cameraOn: !state.cameraOn.value });
  await (state.cameraOn.value ? stopCamera() : startCamera(view));
}

/** Shows our own picture in another place. */
export async function moveCamera(view: HTMLElement): Promise<void> {
  if (state.cameraOn.value) await trtc.updateLocalVideo({ view }).catch(() => undefined);
}

/** Opens the microphone, heard if it is on. Does nothing when it is open. */
export async function startMicrophone(): Promise<void> {
  if (state.microphone.value !== null) return;
  try {
    await withDevice("microphone", (microphoneId) =>
      trtc.startLocalAudio({
        mute: !state.microphoneOn.value,
        option: { ...(microphoneId && { microphoneId }) },
      }),
    );
    state.microphone.value = trtc.getAudioTrack();
    state.microphoneTrouble.value = null;
    await started("microphone", state.microphone.value);
  } catch (error) {
    await stopMicrophone();
    state.microphoneOn.value = false;
    state.microphoneTrouble.value = troubleOf(error);
  }
}

export async function stopMicrophone(): Promise<void> {
  state.microphone.value = null;
  await trtc.stopLocalAudio().catch(() => undefined);
}

/** Before the call a microphone that is off is closed; in the call it stays open, so that it is back at once. */
export async function toggleMicrophone(): Promise<void> {
  const on = !state.microphoneOn.value;
  state.microphoneOn.value = on;
  remember({ microphoneOn: on });
  if (state.stage.value === "left") return;
  if (state.stage.value === "lobby" && !on) return stopMicrophone();
  if (state.microphone.value === null) return startMicrophone();
  await trtc.updateLocalAudio({ mute: !on }).catch((error: unknown) => {
    state.microphoneTrouble.value = troubleOf(error);
  });
}

/** Uses another device from now on, at once where one of its kind runs, and next time. */
export async function chooseDevice(kind: DeviceKind, id: string): Promise<void> {
  const label = DEVICES[kind].list.value.find(({ deviceId }) => deviceId === id)?.label ?? "";
  remember({ [kind]: { id, label } });
  await change(kind, id).then(
    () => tell(kind, null),
    (error: unknown) => tell(kind, troubleOf(error)),
  );
}

/** A device was unplugged: if it was in use, the browser's choice takes its place. */
export async function deviceRemoved(kind: DeviceKind, { deviceId, label }: MediaDeviceInfo): Promise<void> {
  await listDevices();
  if (deviceId === "" || DEVICES[kind].id.value !== deviceId) return;
  try {
    await change(kind, "");
    tell(kind, replaced(kind, label));
  } catch (error) {
    await giveUp(kind, troubleOf(error));
  }
}

async function change(kind: DeviceKind, id: string): Promise<void> {
  if (kind === "camera" && state.cameraOn.value) {
    await trtc.updateLocalVideo({ option: { cameraId: id } });
  } else if (kind === "microphone" && state.microphone.value !== null) {
    await trtc.updateLocalAudio({ option: { microphoneId: id } });
    state.microphone.value = trtc.getAudioTrack();
  } else if (kind === "speaker") await TRTC.setCurrentSpeaker(id);
  DEVICES[kind].id.value = id;
}

async function giveUp(kind: DeviceKind, why: state.Trouble): Promise<void> {
  DEVICES[kind].id.value = "";
  if (kind === "camera") {
    await stopCamera();
    state.cameraTrouble.value = why;
  } else if (kind === "microphone") {
    await stopMicrophone();
    state.microphoneOn.value = false;
    state.microphoneTrouble.value = why;
  } else tell(kind, why);
}

/** Starts with the device in use or remembered, and without one when that is not there any more. */
async function withDevice(
  kind: "camera" | "microphone",
  start: (id: string) => Promise<void>,
): Promise<void> {
  const id = DEVICES[kind].id.value || remembered()[kind]?.id || "";
  try {
    await start(id);
  } catch (error) {
    if (id === "" || !isGone(error)) throw error;
    DEVICES[kind].id.value = "";
    await start("");
  }
}

function isGone(error: unknown): boolean {
  if (!(error instanceof RtcError)) return false;
  // Firefox says that there is none where Chromium says that a demand cannot be met.
  return (
    error.extraCode === ExtraCode.DEVICE_OVERCONSTRAINED || error.extraCode === ExtraCode.DEVICE_NOT_FOUND
  );
}

/** A device runs, so names are there: takes up the one remembered under another id, or says that it is gone. */
async function started(kind: "camera" | "microphone", track: MediaStreamTrack | null): Promise<void> {
  await listDevices();
  const { list, id } = DEVICES[kind];
  const inUse = track?.getSettings().deviceId ?? "";
  id.value = list.value.some(({ deviceId }) => deviceId === inUse) ? inUse : "";
  await takeUp(kind);
  if (canChooseSpeaker) await takeUp("speaker");
}

async function takeUp(kind: DeviceKind): Promise<void> {
  const { list, id } = DEVICES[kind];
  const chosen = remembered()[kind];
  const wanted = idAmong(chosen, list.value);
  // One that cannot be taken up leaves the one that runs.
  if (wanted !== "" && wanted !== id.value)
    await change(kind, wanted).catch((error: unknown) => tell(kind, troubleOf(error)));
  const isGone = wanted === "" && chosen !== null && list.value.length > 0;
  // Once is enough: it is no news when the camera is switched off and on.
  if (isGone && !state.deviceNotices.value.has(kind)) tell(kind, replaced(kind, chosen.label));
}

const SUBJECT: Readonly<Record<DeviceKind, string>> = {
  camera: "camera",
  microphone: "microphone",
  speaker: "loudspeaker",
};

function replaced(kind: DeviceKind, label: string): state.Trouble {
  const { list, id } = DEVICES[kind];
  const now = list.value.find(({ deviceId }) => deviceId === id.value)?.label;
  const instead = now ? `“${now}” is used instead` : "The one that the browser chooses is used instead";
  return {
    message: `The ${SUBJECT[kind]} ${label ? `“${label}” ` : ""}is not connected.`,
    action: `${instead}; you can choose another.`,
  };
}

/** Says something of a device, or takes back what was said. */
export function tell(kind: DeviceKind, what: state.Trouble | null): void {
  state.deviceNotices.value = new Map([...state.deviceNotices.value, [kind, what]]);
}
