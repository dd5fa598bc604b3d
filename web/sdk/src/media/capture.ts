// SPDX-License-Identifier: Apache-2.0
// Camera and microphone, with the browser's many ways to say no turned into one error each.

import { ErrorCode, ExtraCode, RtcError } from "../errors";
import type { LocalAudioConfig, LocalVideoConfig, ScreenShareConfig } from "../options";
import { DEFAULT_PROFILE, DEFAULT_SCREEN_PROFILE, SCREEN_PROFILES, VIDEO_PROFILES } from "./profiles";

/** A captured or given track. */
export interface Capture {
  readonly track: MediaStreamTrack;
  /** Ours to stop; a track that the caller gave is not. */
  readonly own: boolean;
}

/** Opens the microphone, or takes the caller's track; throws RtcError. */
export async function captureAudio(option: LocalAudioConfig["option"] = {}): Promise<Capture> {
  if (option.audioTrack) return { track: option.audioTrack, own: false };
  const { microphoneId, echoCancellation = true, autoGainControl = true, noiseSuppression = true } = option;
  const device = microphoneId ? { deviceId: { exact: microphoneId } } : {};
  const audio = { ...device, echoCancellation, autoGainControl, noiseSuppression };
  return { track: await first({ audio }, "microphone"), own: true };
}

/** Opens the camera, or takes the caller's track; throws RtcError. */
export async function captureVideo(option: LocalVideoConfig["option"] = {}): Promise<Capture> {
  if (option.videoTrack) return { track: option.videoTrack, own: false };
  const { width, height, frameRate } = VIDEO_PROFILES[option.profile ?? DEFAULT_PROFILE];
  const device = option.cameraId
    ? { deviceId: { exact: option.cameraId } }
    : option.useFrontCamera === undefined
      ? {}
      : { facingMode: option.useFrontCamera ? "user" : "environment" };
  const size = { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: frameRate } };
  return { track: await first({ video: { ...device, ...size } }, "camera"), own: true };
}

/** Lets the person choose a screen, window or tab, or takes the caller's track; throws RtcError. */
export async function captureScreen(option: ScreenShareConfig["option"] = {}): Promise<Capture> {
  const capture = option.videoTrack
    ? { track: option.videoTrack, own: false }
    : { track: await chooseScreen(option), own: true };
  // Tells the encoder which to give up when bits are short: pictures or sharpness.
  capture.track.contentHint = option.qosPreference === "smooth" ? "motion" : "detail";
  return capture;
}

async function chooseScreen(option: NonNullable<ScreenShareConfig["option"]>): Promise<MediaStreamTrack> {
  const { width, height, frameRate } = SCREEN_PROFILES[option.profile ?? DEFAULT_SCREEN_PROFILE];
  const { preferDisplaySurface, selfBrowserSurface = "exclude" } = option;
  const surface = preferDisplaySurface && { displaySurface: preferDisplaySurface };
  const options: DisplayMediaStreamOptions & { selfBrowserSurface: string } = {
    video: { width: { max: width }, height: { max: height }, frameRate: { max: frameRate }, ...surface },
    audio: false,
    selfBrowserSurface,
  };
  return firstOf("screen", () => navigator.mediaDevices?.getDisplayMedia?.(options));
}

function first(
  constraints: MediaStreamConstraints,
  what: "camera" | "microphone",
): Promise<MediaStreamTrack> {
  return firstOf(what, () => navigator.mediaDevices?.getUserMedia?.(constraints));
}

async function firstOf(
  what: "camera" | "microphone" | "screen",
  open: () => Promise<MediaStream> | undefined,
): Promise<MediaStreamTrack> {
  try {
    const stream = await open();
    if (stream === undefined) {
      throw new RtcError(ErrorCode.ENV_NOT_SUPPORTED, `This page may not use the ${what}.`, {
        reason: "insecure_page",
        action: "Open the page over https, or on localhost, in a browser that can do this.",
      });
    }
    const [track] = stream.getTracks();
    if (track) return track;
  } catch (error) {
    throw error instanceof RtcError ? error : deviceError(error, what);
  }
  throw deviceError(new DOMException("no track", "NotFoundError"), what);
}

/** What the browser's refusal means for a person. */
function deviceError(error: unknown, what: "camera" | "microphone" | "screen"): RtcError {
  const name = error instanceof Error ? error.name : "";
  const details = { originError: error, reason: name };
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return new RtcError(ErrorCode.DEVICE_ERROR, `The ${what} is not allowed for this page.`, {
        ...details,
        extraCode: ExtraCode.DEVICE_DENIED,
        action: whereToAllow(what, error),
      });
    case "NotFoundError":
      return new RtcError(ErrorCode.DEVICE_ERROR, `There is no ${what}.`, {
        ...details,
        extraCode: ExtraCode.DEVICE_NOT_FOUND,
        action: `Connect a ${what}, then try again.`,
      });
    case "NotReadableError":
    case "AbortError":
      return new RtcError(ErrorCode.DEVICE_ERROR, `The ${what} cannot be used now.`, {
        ...details,
        extraCode: ExtraCode.DEVICE_BUSY,
        action: `Close other programs that use the ${what}, then try again.`,
      });
    case "OverconstrainedError":
      return new RtcError(ErrorCode.DEVICE_ERROR, `The chosen ${what} is not there any more.`, {
        ...details,
        extraCode: ExtraCode.DEVICE_OVERCONSTRAINED,
        action: `Choose another ${what}.`,
      });
    default:
      return new RtcError(ErrorCode.DEVICE_ERROR, `The ${what} failed.`, {
        ...details,
        extraCode: ExtraCode.DEVICE_OTHER,
        action: `Choose another ${what}, or restart the browser.`,
      });
  }
}

function whereToAllow(what: "camera" | "microphone" | "screen", error: unknown): string {
  if (what === "screen")
    return "Choose a screen, window or tab, or allow screen recording in the system's settings.";
  // What Chromium says when the person allowed it and the system does not.
  if (error instanceof Error && error.message.includes("by system"))
    return `Allow the browser to use the ${what} in the system's settings, then try again.`;
  return `Allow the ${what} in the browser's address bar, then try again.`;
}
