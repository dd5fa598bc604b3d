// SPDX-License-Identifier: Apache-2.0
// The page's hand on the SDK: what buttons do, and what events change.

import { effect } from "@preact/signals";
import {
  type EnterRoomConfig,
  ExtraCode,
  type OperatorKept,
  type OperatorRecord,
  RtcError,
} from "@sealroom/sdk";
import { troubleOf, trtc } from "./client";
import { deviceRemoved, listDevices, startMicrophone, stopCamera, stopMicrophone } from "./devices";
import { nameOf, userIdFor } from "./names";
import { qualitiesOf } from "./quality";
import { RefusalLog } from "./refusals";
import { Lasting, SILENT_MS, STRANGER_MS } from "./roster";
import { sealingText } from "./sealing";
import * as state from "./state";
import { fetchGrant, fetchTokens } from "./tokens";

const SPEAKING_LEVEL = 3;
/** How often the page looks at what becomes news by lasting. */
const LOOK_MS = 1_000;

/** Whether this browser can share a screen; phones cannot. */
export const canShare = typeof navigator.mediaDevices?.getDisplayMedia === "function";

/** Shares a screen, window or tab that the person chooses; whoever thinks better of it is told nothing. */
export async function startSharing(): Promise<void> {
  try {
    await trtc.startScreenShare();
    state.sharing.value = true;
    state.screenTrouble.value = null;
    state.announce("You are sharing your screen.");
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

/** Enters the room with the name and devices that were chosen. */
export async function enter(): Promise<void> {
  if (state.stage.value === "entering" || state.stage.value === "call") return;
  state.stage.value = "entering";
  nameInAddress(state.room.value);
  state.trouble.value = null;
  try {
    await enterRoom();
    state.stage.value = "call";
    state.announce("You are in the call.");
    if (state.microphoneOn.value) await startMicrophone();
    trtc.enableAudioVolumeEvaluation(300);
  } catch (error) {
    state.forgetCall();
    state.trouble.value = troubleOf(error);
    state.stage.value = "lobby";
  }
}

export async function leave(): Promise<void> {
  await trtc.exitRoom();
  await stopMicrophone();
  await stopSharing();
  await stopCamera();
  over("left");
  state.announce("You left the call.");
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

/** Reloading, and whoever is sent the address, comes to the same room. */
function nameInAddress(room: string): void {
  const address = new URL(location.href);
  if (address.searchParams.get("room") === room) return;
  address.searchParams.set("room", room);
  history.replaceState(null, "", address);
}

/** What the operator has of this call, by its own word. */
export const fetchRecord = (): Promise<OperatorRecord> => trtc.getOperatorRecord();

/** What the operator keeps of this call by his catalogue; null where he does not tell. */
export const fetchKept = (): Promise<OperatorKept | null> => trtc.getOperatorKept();

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
    announceUnsealed(`${nameOf(userId)} entered.`);
  });
  trtc.on("remote-user-exit", ({ userId }) => {
    state.present.value = without(state.present.value, (one) => one === userId);
    announceUnsealed(`${nameOf(userId)} left.`);
  });
  trtc.on("remote-video-available", (picture) => {
    state.pictures.value = [
      ...without(state.pictures.value, (one) => state.isSamePicture(one, picture)),
      picture,
    ];
  });
  trtc.on("remote-video-unavailable", (picture) => {
    state.pictures.value = without(state.pictures.value, (one) => state.isSamePicture(one, picture));
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

/** Who comes and goes, as the operator says. In a sealed call the roster says it; the operator might invent somebody. */
function announceUnsealed(text: string): void {
  if (!state.isSealed.value) state.announce(text);
}

function listenToTheLine(): void {
  listenToTheSealing();
  trtc.on("statistics", (statistics) => {
    state.statistics.value = statistics;
  });
  trtc.on("network-quality", (told) => {
    state.qualities.value = qualitiesOf(told);
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
  trtc.on("device-changed", ({ type, action, device }) => {
    (action === "remove" ? deviceRemoved(type, device) : listDevices()).catch(() => undefined);
  });
  trtc.on("sending-blocked", ({ audio, video }) => {
    const what = audio && video ? "sound and picture" : audio ? "sound" : "picture";
    state.trouble.value =
      audio || video
        ? {
            message: `Your ${what} was switched off for everybody.`,
            action: "Ask who runs the call to let you be seen and heard again.",
          }
        : null;
  });
  trtc.on("kicked-out", ({ reason }) => ended(KICKED[reason] ?? troubleOf(null)));
  trtc.on("error", (error) => {
    if (state.connection.value === "DISCONNECTED") ended(troubleOf(error));
    else state.trouble.value = troubleOf(error);
  });
}

/** Roster, keys and refusals, and what of them is worth a word. */
function listenToTheSealing(): void {
  let log = new RefusalLog();
  const strangers = new Lasting(STRANGER_MS);
  const silent = new Lasting(SILENT_MS);
  const look = (): void => {
    const now = performance.now();
    state.refusals.value = log.summary(now);
    state.lastingStrangers.value = strangers.take(now, state.strangers.value);
    state.lastingSilent.value = silent.take(now, state.silentMembers.value);
  };
  trtc.on("roster-changed", ({ members, words }) => {
    log.changed(performance.now());
    state.takeRoster(members, words);
    look();
  });
  trtc.on("sealing-state-changed", (sealing) => {
    const { epoch, step } = state.sealing.value;
    if (sealing.epoch !== epoch || sealing.step !== step) log.changed(performance.now());
    // What interrupts is read from the banner.
    const text = sealingText(sealing);
    if (sealing.state !== state.sealing.value.state && text.attention !== "alert")
      state.announce(`${text.mark}.`);
    state.sealing.value = sealing;
  });
  trtc.on("frame-refused", (refusal) => {
    log.add(performance.now(), refusal);
    look();
  });
  effect(() => {
    if (state.stage.value === "entering") log = new RefusalLog();
    if (state.stage.value !== "call") return undefined;
    const timer = setInterval(look, LOOK_MS);
    return () => clearInterval(timer);
  });
}

function ended(why: state.Trouble): void {
  if (state.stage.value !== "call") return;
  stopSharing().catch(() => undefined);
  stopCamera().catch(() => undefined);
  stopMicrophone().catch(() => undefined);
  over("left");
  state.trouble.value = why;
}
