// SPDX-License-Identifier: Apache-2.0
// The page's hand on the SDK: what buttons do, and what events change.

import { type EnterRoomConfig, ExtraCode, type OperatorRecord, RtcError, TRTC } from "@sealroom/sdk";
import workerUrl from "@sealroom/sdk/worker?worker&url";
import { nameOf, userIdFor } from "./names";
import * as state from "./state";
import { fetchGrant, fetchTokens, Problem } from "./tokens";

const SPEAKING_LEVEL = 3;
const REFUSALS_SHOWN_MS = 6_000;

const trtc = TRTC.create({ sealingWorker: workerUrl });
let refusalsTimer = 0;

/** What a person can be told of an error. */
export function troubleOf(error: unknown): state.Trouble {
  if (error instanceof RtcError || error instanceof Problem)
    return { message: error.message, action: error.action };
  return { message: "Something went wrong.", action: "Reload the page." };
}

/** Lists the devices again; their names are there once one was allowed. */
export async function listDevices(): Promise<void> {
  state.cameras.value = await TRTC.getCameraList();
  state.microphones.value = await TRTC.getMicrophoneList();
}

/** Turns the camera on and shows it in `view`. */
export async function startCamera(view: HTMLElement | null): Promise<void> {
  if (state.cameraBusy.value || state.cameraOn.value) return;
  state.cameraBusy.value = true;
  const { value: cameraId } = state.cameraId;
  try {
    await trtc.startLocalVideo({ view, option: { ...(cameraId && { cameraId }), mirror: true } });
    state.cameraOn.value = true;
    state.cameraTrouble.value = null;
  } catch (error) {
    await trtc.stopLocalVideo().catch(() => undefined);
    state.cameraTrouble.value = troubleOf(error);
  }
  state.cameraBusy.value = false;
  await listDevices();
}

export async function stopCamera(): Promise<void> {
  state.cameraOn.value = false;
  await trtc.stopLocalVideo().catch(() => undefined);
}

/** Shows our own picture in another place. */
export async function moveCamera(view: HTMLElement): Promise<void> {
  if (state.cameraOn.value) await trtc.updateLocalVideo({ view }).catch(() => undefined);
}

/** Whether this browser can share a screen; phones cannot. */
export const canShare = typeof navigator.mediaDevices?.getDisplayMedia === "function";

/** Shares a screen, window or tab that the person chooses; whoever thinks better of it is told nothing. */
export async function startSharing(): Promise<void> {
  try {
    await trtc.startScreenShare();
    state.sharing.value = true;
    state.screenTrouble.value = null;
    state.announcement.value = "You are sharing your screen.";
  } catch (error) {
    await trtc.stopScreenShare().catch(() => undefined);
    const changedTheirMind = error instanceof RtcError && error.extraCode === ExtraCode.DEVICE_DENIED;
    state.screenTrouble.value = changedTheirMind ? null : troubleOf(error);
  }
}

export async function stopSharing(): Promise<void> {
  state.sharing.value = false;
  await trtc.stopScreenShare().catch(() => undefined);
}

/** Chooses a camera; one that is on changes at once. */
export async function chooseCamera(cameraId: string): Promise<void> {
  state.cameraId.value = cameraId;
  if (!state.cameraOn.value) return;
  await trtc.updateLocalVideo({ option: { cameraId } }).catch((error: unknown) => {
    state.cameraTrouble.value = troubleOf(error);
  });
}

export async function chooseMicrophone(microphoneId: string): Promise<void> {
  state.microphoneId.value = microphoneId;
  if (state.stage.value !== "call") return;
  await trtc.updateLocalAudio({ option: { microphoneId } }).catch((error: unknown) => {
    state.microphoneTrouble.value = troubleOf(error);
  });
}

export async function toggleMicrophone(): Promise<void> {
  const on = !state.microphoneOn.value;
  state.microphoneOn.value = on;
  if (state.stage.value !== "call") return;
  try {
    await trtc.updateLocalAudio({ mute: !on });
  } catch {
    await startMicrophone();
  }
}

/** Enters the room with the name and devices that were chosen. */
export async function enter(): Promise<void> {
  if (state.stage.value === "entering" || state.stage.value === "call") return;
  state.stage.value = "entering";
  state.trouble.value = null;
  try {
    await enterRoom();
    state.stage.value = "call";
    state.announcement.value = "You are in the call.";
    await startMicrophone();
    trtc.enableAudioVolumeEvaluation(300);
  } catch (error) {
    state.forgetCall();
    state.trouble.value = troubleOf(error);
    state.stage.value = "lobby";
  }
}

export async function leave(): Promise<void> {
  await trtc.exitRoom();
  await trtc.stopLocalAudio().catch(() => undefined);
  await stopSharing();
  await stopCamera();
  over("left");
  state.announcement.value = "You left the call.";
}

/** Shows somebody's picture in `view`, at a size that fits the number of tiles. */
export async function showPicture(
  picture: state.RemotePicture,
  view: HTMLElement,
  layer: 0 | 1 | 2,
): Promise<void> {
  const fillMode = picture.streamType === "sub" ? "contain" : "cover";
  await trtc.startRemoteVideo({ ...picture, view, option: { layer, fillMode } });
}

export async function hidePicture(picture: state.RemotePicture): Promise<void> {
  await trtc.stopRemoteVideo(picture).catch(() => undefined);
}

/** What the operator has of this call, by its own word. */
export const fetchRecord = (): Promise<OperatorRecord> => trtc.getOperatorRecord();

async function enterRoom(): Promise<void> {
  const userId = userIdFor(state.name.value);
  const { value: room } = state.room;
  const tokens = await fetchTokens(userId, room);
  state.userId.value = tokens.userId;
  let firstGrant = tokens.grant;
  const grant = async (): Promise<string> => {
    const first = firstGrant;
    firstGrant = null;
    return first ?? fetchGrant(tokens.userId, room);
  };
  const config: EnterRoomConfig = {
    sdkAppId: tokens.sdkAppId,
    userId: tokens.userId,
    userSig: tokens.userSig,
    server: tokens.operator,
    ...(tokens.roomId ? { roomId: tokens.roomId } : {}),
    ...(tokens.strRoomId ? { strRoomId: tokens.strRoomId } : {}),
    ...(tokens.authority ? { sealing: { authority: tokens.authority, grant } } : {}),
  };
  await trtc.enterRoom(config);
}

async function startMicrophone(): Promise<void> {
  const { value: microphoneId } = state.microphoneId;
  try {
    await trtc.startLocalAudio({
      mute: !state.microphoneOn.value,
      option: { ...(microphoneId && { microphoneId }) },
    });
    state.microphoneTrouble.value = null;
  } catch (error) {
    await trtc.stopLocalAudio().catch(() => undefined);
    state.microphoneOn.value = false;
    state.microphoneTrouble.value = troubleOf(error);
  }
  await listDevices();
}

function over(stage: "lobby" | "left"): void {
  trtc.enableAudioVolumeEvaluation(0);
  state.forgetCall();
  state.stage.value = stage;
}

const KICKED: Readonly<Record<string, state.Trouble>> = {
  kick: {
    message: "You entered this call from somewhere else.",
    action: "Go on there, or enter here again.",
  },
  banned: { message: "You were taken out of the call.", action: "Ask who runs it to let you in again." },
  room_disband: { message: "The call was ended for everybody.", action: "You can close this page." },
};

const without = <T>(all: readonly T[], gone: (one: T) => boolean): readonly T[] =>
  all.filter((one) => !gone(one));

/** Lets events change the state. Called once. */
export function listen(): void {
  trtc.on("remote-user-enter", ({ userId }) => {
    state.present.value = [...without(state.present.value, (one) => one === userId), userId];
    state.announcement.value = `${nameOf(userId)} entered.`;
  });
  trtc.on("remote-user-exit", ({ userId }) => {
    state.present.value = without(state.present.value, (one) => one === userId);
    state.announcement.value = `${nameOf(userId)} left.`;
  });
  trtc.on("remote-video-available", (picture) => {
    state.pictures.value = [...without(state.pictures.value, (one) => samePicture(one, picture)), picture];
  });
  trtc.on("remote-video-unavailable", (picture) => {
    state.pictures.value = without(state.pictures.value, (one) => samePicture(one, picture));
  });
  trtc.on("remote-audio-available", ({ userId }) => {
    state.heard.value = new Set([...state.heard.value, userId]);
  });
  trtc.on("remote-audio-unavailable", ({ userId }) => {
    state.heard.value = new Set(without([...state.heard.value], (one) => one === userId));
  });
  trtc.on("audio-volume", ({ result }) => {
    const loud = result.filter(({ volume }) => volume >= SPEAKING_LEVEL);
    state.speaking.value = new Set(loud.map(({ userId }) => userId));
  });
  listenToTheLine();
}

function listenToTheLine(): void {
  trtc.on("roster-changed", ({ members, words }) => state.takeRoster(members, words));
  trtc.on("sealing-state-changed", (sealing) => {
    state.sealing.value = sealing;
  });
  trtc.on("frame-refused", ({ reason, count }) => {
    const before = state.refusals.value;
    state.refusals.value = new Map([...before, [reason, (before.get(reason) ?? 0) + count]]);
    clearTimeout(refusalsTimer);
    refusalsTimer = window.setTimeout(() => {
      state.refusals.value = new Map();
    }, REFUSALS_SHOWN_MS);
  });
  trtc.on("statistics", (statistics) => {
    state.statistics.value = statistics;
  });
  trtc.on("connection-state-changed", ({ state: now }) => {
    state.connection.value = now;
  });
  trtc.on("autoplay-failed", ({ resume }) => {
    state.soundBlocked.value = resume;
  });
  trtc.on("screen-share-stopped", () => {
    state.sharing.value = false;
  });
  trtc.on("device-changed", () => {
    listDevices().catch(() => undefined);
  });
  trtc.on("kicked-out", ({ reason }) => ended(KICKED[reason] ?? troubleOf(null)));
  trtc.on("error", (error) => {
    if (state.connection.value === "DISCONNECTED") ended(troubleOf(error));
    else state.trouble.value = troubleOf(error);
  });
}

function ended(why: state.Trouble): void {
  if (state.stage.value !== "call") return;
  stopSharing().catch(() => undefined);
  stopCamera().catch(() => undefined);
  trtc.stopLocalAudio().catch(() => undefined);
  over("left");
  state.trouble.value = why;
}

function samePicture(one: state.RemotePicture, other: state.RemotePicture): boolean {
  return one.userId === other.userId && one.streamType === other.streamType;
}
