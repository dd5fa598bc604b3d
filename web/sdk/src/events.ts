// SPDX-License-Identifier: Apache-2.0

import type { StreamType } from "./constants";
import type { RtcError } from "./errors";
import type { Grade } from "./quality/grade";
import type { Fault, RefusalReason, RosterMember } from "./sealing/port";

/** trtc-sdk-v5's four, and `off` until sealing was asked for. */
export type ConnectionState = "DISCONNECTED" | "CONNECTING" | "CONNECTED" | "RECONNECTING";

export type SealingEventState = "off" | "joining" | "sealed" | "unreachable" | "paused" | "failed";

export interface AudioStatistics {
  /** Kilobits a second. */
  bitrate: number;
  /** 0 to 1, behind the decoder; our own as the microphone gives it. */
  audioLevel: number;
  /** Of what is received: milliseconds it waits in the buffer. */
  jitterBufferDelay?: number;
}

export interface VideoStatistics {
  width: number;
  height: number;
  frameRate: number;
  /** Kilobits a second. */
  bitrate: number;
  /** `sub` is a shared screen; `small` are our camera's smaller layers. */
  videoType: "big" | "small" | "sub";
  /** Of what is received: milliseconds it waits in the buffer. */
  jitterBufferDelay?: number;
}

export interface RemoteStatistics {
  userId: string;
  audio: AudioStatistics;
  video: VideoStatistics[];
}

export interface TRTCStatistics {
  /** Milliseconds. */
  rtt: number;
  /** Percent, of the last two seconds. */
  upLoss: number;
  downLoss: number;
  bytesSent: number;
  bytesReceived: number;
  localStatistics: { audio: AudioStatistics; video: VideoStatistics[] };
  /** In a sealed call measured on what opened, under the names of the roster. */
  remoteStatistics: RemoteStatistics[];
  /** Frames since entry; null in a call that is not sealed. */
  sealing: {
    sealed: number;
    opened: number;
    unsent: number;
    refused: Readonly<Record<string, number>>;
  } | null;
}

/** What of a participant arrives here, in the grades of `NetworkQuality`. */
export interface RemoteNetworkQuality {
  userId: string;
  networkQuality: Grade;
  /** Percent of his packets that did not arrive. */
  loss: number;
  /** Milliseconds: half the way to the server and back, and what his stream waits in the buffer here. */
  delay: number;
}

/** Grades: 0 unknown, 1 excellent, 2 good, 3 poor, 4 bad, 5 very bad, 6 disconnected; by the rules of docs/quality-device.md. */
export interface NetworkQuality {
  uplinkNetworkQuality: Grade;
  downlinkNetworkQuality: Grade;
  /** Milliseconds. */
  uplinkRTT: number;
  downlinkRTT: number;
  /** Percent. */
  uplinkLoss: number;
  downlinkLoss: number;
  /** Ours besides: those of whom something arrived. */
  remotes: RemoteNetworkQuality[];
}

/** Every event and its payload; names and payloads as in trtc-sdk-v5. */
export interface EventPayloads {
  error: [RtcError];
  "autoplay-failed": [{ userId: string; mediaType: "audio" | "video"; resume: () => Promise<void> }];
  "kicked-out": [{ reason: "kick" | "banned" | "room_disband" }];
  "remote-user-enter": [{ userId: string }];
  "remote-user-exit": [{ userId: string; reason: number }];
  "remote-audio-available": [{ userId: string }];
  "remote-audio-unavailable": [{ userId: string }];
  "remote-video-available": [{ userId: string; streamType: StreamType }];
  "remote-video-unavailable": [{ userId: string; streamType: StreamType }];
  /** 0 to 100; in a sealed call from audio that opened. `userId` is empty for ourselves. */
  "audio-volume": [{ result: Array<{ userId: string; volume: number; floatVolume: number }> }];
  "connection-state-changed": [
    { prevState: ConnectionState; state: ConnectionState; isReconnecting: boolean },
  ];
  "device-changed": [
    { type: "camera" | "microphone" | "speaker"; action: "add" | "remove"; device: MediaDeviceInfo },
  ];
  "publish-state-changed": [
    {
      mediaType: "audio" | "video" | "screen";
      state: "starting" | "started" | "stopped";
      prevState: "starting" | "started" | "stopped";
      reason?: "timeout" | "error" | "api-call";
      error?: RtcError;
    },
  ];
  /** The person ended it with the browser's own button, or the window is gone. */
  "screen-share-stopped": [];
  track: [{ userId: string; streamType?: StreamType; track: MediaStreamTrack }];
  statistics: [TRTCStatistics];
  /** Every two seconds, as in trtc-sdk-v5. */
  "network-quality": [NetworkQuality];
  "first-video-frame": [{ userId: string; streamType: StreamType; width: number; height: number }];
  /** In a sealed call only what opened, and `userId` is who has sealed it. `seq` counts the sender's messages of this `cmdId`. */
  "custom-message": [{ userId: string; cmdId: number; seq: number; data: ArrayBuffer }];
  /** A moderator took from us what we may send, or gave it back; the others are shown it as muted. `video` is camera and screen. */
  "sending-blocked": [{ audio: boolean; video: boolean }];
  /** `off` is a call that is not end-to-end encrypted. */
  "sealing-state-changed": [
    { state: SealingEventState; epoch: number | null; step: number | null; fault: Fault | null },
  ];
  /**
   * The roster that the authority signed; in a sealed call names come from here. `words` is its authentication string: six
   * words that everybody sees alike unless somebody sits between a member and the authority. They change with the roster only.
   */
  "roster-changed": [{ members: readonly RosterMember[]; words: readonly string[] }];
  /**
   * Frames that were not shown, and custom messages (`data`) that were not told, at most once a second. `userId` is who the slot
   * was bound to, where it was.
   */
  "frame-refused": [
    { userId: string; streamType: StreamType | "audio" | "data"; reason: RefusalReason; count: number },
  ];
}

export type EventName = keyof EventPayloads;
export type Handler<E extends EventName> = (...payload: EventPayloads[E]) => void;

/** Hands events to those who asked for them. A handler that throws does not keep others from hearing. */
export class Emitter {
  private readonly watchers: Array<(event: EventName, payload: readonly unknown[]) => void> = [];
  private readonly handlers = new Map<EventName, Array<{ call: Handler<never>; handler: Handler<never> }>>();

  on<E extends EventName>(event: E, handler: Handler<E>, context?: unknown): void {
    const call = handler.bind(context);
    this.handlers.set(event, [...(this.handlers.get(event) ?? []), { call, handler }] as never);
  }

  /** Sees every event, before those who asked for it; for the SDK itself, and not ended by `off`. */
  watch(watcher: (event: EventName, payload: readonly unknown[]) => void): void {
    this.watchers.push(watcher);
  }

  off<E extends EventName>(event: E | "*", handler?: Handler<E>): void {
    if (event === "*") return this.handlers.clear();
    const left = (this.handlers.get(event) ?? []).filter(
      (one) => handler && one.handler !== (handler as unknown),
    );
    this.handlers.set(event, left);
  }

  emit<E extends EventName>(event: E, ...payload: EventPayloads[E]): void {
    for (const watcher of this.watchers) watcher(event, payload);
    for (const { call } of this.handlers.get(event) ?? []) {
      try {
        (call as Handler<E>)(...payload);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
