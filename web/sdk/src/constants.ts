// SPDX-License-Identifier: Apache-2.0
// Names and values as in trtc-sdk-v5; the last four events are Sealroom's own.

export const EVENT = {
  ERROR: "error",
  AUTOPLAY_FAILED: "autoplay-failed",
  KICKED_OUT: "kicked-out",
  REMOTE_USER_ENTER: "remote-user-enter",
  REMOTE_USER_EXIT: "remote-user-exit",
  REMOTE_AUDIO_AVAILABLE: "remote-audio-available",
  REMOTE_AUDIO_UNAVAILABLE: "remote-audio-unavailable",
  REMOTE_VIDEO_AVAILABLE: "remote-video-available",
  REMOTE_VIDEO_UNAVAILABLE: "remote-video-unavailable",
  AUDIO_VOLUME: "audio-volume",
  CONNECTION_STATE_CHANGED: "connection-state-changed",
  DEVICE_CHANGED: "device-changed",
  PUBLISH_STATE_CHANGED: "publish-state-changed",
  SCREEN_SHARE_STOPPED: "screen-share-stopped",
  TRACK: "track",
  STATISTICS: "statistics",
  NETWORK_QUALITY: "network-quality",
  FIRST_VIDEO_FRAME: "first-video-frame",
  CUSTOM_MESSAGE: "custom-message",
  SEALING_STATE_CHANGED: "sealing-state-changed",
  ROSTER_CHANGED: "roster-changed",
  FRAME_REFUSED: "frame-refused",
  SENDING_BLOCKED: "sending-blocked",
} as const;

export const TYPE = {
  SCENE_LIVE: "live",
  SCENE_RTC: "rtc",
  ROLE_ANCHOR: "anchor",
  ROLE_AUDIENCE: "audience",
  STREAM_TYPE_MAIN: "main",
  STREAM_TYPE_SUB: "sub",
} as const;

export type StreamType = "main" | "sub";

/** The SDK's own version; goes to the server as `client.version`. */
export const VERSION = "0.1.0";
