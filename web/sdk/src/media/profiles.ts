// SPDX-License-Identifier: Apache-2.0

/** trtc-sdk-v5's camera profiles: pixels, frames a second, kbit a second. */
export const VIDEO_PROFILES = {
  "120p": { width: 160, height: 120, frameRate: 15, bitrate: 200 },
  "180p": { width: 320, height: 180, frameRate: 15, bitrate: 350 },
  "240p": { width: 320, height: 240, frameRate: 15, bitrate: 400 },
  "360p": { width: 640, height: 360, frameRate: 15, bitrate: 800 },
  "480p": { width: 640, height: 480, frameRate: 15, bitrate: 900 },
  "720p": { width: 1280, height: 720, frameRate: 15, bitrate: 1500 },
  "1080p": { width: 1920, height: 1080, frameRate: 15, bitrate: 2000 },
} as const;

export type VideoProfile = (typeof VIDEO_PROFILES)[keyof typeof VIDEO_PROFILES];
/** Its profiles for screens, likewise. */
export const SCREEN_PROFILES = {
  "480p": { width: 640, height: 480, frameRate: 5, bitrate: 900 },
  "480p_2": { width: 640, height: 480, frameRate: 30, bitrate: 1000 },
  "720p": { width: 1280, height: 720, frameRate: 5, bitrate: 1200 },
  "720p_2": { width: 1280, height: 720, frameRate: 30, bitrate: 3000 },
  "1080p": { width: 1920, height: 1080, frameRate: 5, bitrate: 1600 },
  "1080p_2": { width: 1920, height: 1080, frameRate: 30, bitrate: 4000 },
} as const;

export const DEFAULT_SCREEN_PROFILE = "1080p";
export const DEFAULT_PROFILE = "720p";
