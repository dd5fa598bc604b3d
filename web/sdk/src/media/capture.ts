// SPDX-License-Identifier: Apache-2.0
// Camera and microphone, with the browser's many ways to say no turned into one error each.

import { ErrorCode, ExtraCode, RtcError } from "../errors";
import type { LocalAudioConfig, LocalVideoConfig } from "../options";
import { DEFAULT_PROFILE, VIDEO_PROFILES } from "./profiles";

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

async function first(
  constraints: MediaStreamConstraints,
  what: "camera" | "microphone",
): Promise<MediaStreamTrack> {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new RtcError(ErrorCode.ENV_NOT_SUPPORTED, "This page may not use cameras and microphones.", {
      reason: "insecure_page",
      action: "Open the page over https, or on localhost.",
    });
  }
  try {
    const [track] = (await navigator.mediaDevices.getUserMedia(constraints)).getTracks();
    if (track) return track;
  } catch (error) {
    throw deviceError(error, what);
  }
  throw deviceError(new DOMException("no track", "NotFoundError"), what);
}

/** What the browser's refusal means for a person. */
function deviceError(error: unknown, what: "camera" | "microphone"): RtcError {
  const name = error instanceof Error ? error.name : "";
  const details = { originError: error, reason: name };
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return new RtcError(ErrorCode.DEVICE_ERROR, `The ${what} is not allowed for this page.`, {
        ...details,
        extraCode: ExtraCode.DEVICE_DENIED,
        action: `Allow the ${what} in the browser's address bar, then try again.`,
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
