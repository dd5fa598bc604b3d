// SPDX-License-Identifier: Apache-2.0
// The public face, shaped like trtc-sdk-v5. Every method rejects or throws with RtcError.

import { Call } from "./call/call";
import { type CallHost, trackOf } from "./call/host";
import { EVENT, type StreamType, TYPE } from "./constants";
import { asRtcError, ErrorCode, ExtraCode, RtcError } from "./errors";
import { Emitter, type EventName, type Handler } from "./events";
import { devices, watchDevices } from "./media/devices";
import { Local } from "./media/local";
import { SoundOutput } from "./media/output";
import { VideoPlayer } from "./media/player";
import {
  type CreateConfig,
  type CustomMessage,
  checkEntry,
  type EnterRoomConfig,
  type LocalAudioConfig,
  type LocalVideoConfig,
  type RemoteVideoConfig,
  type ScreenShareConfig,
} from "./options";
import { Diary } from "./quality/diary";
import { witness } from "./quality/witness";
import { sealingWorker } from "./sealing/worker_script";
import type { OperatorKept } from "./session/kept";
import type { OperatorRecord } from "./session/record";
import type { Outgoing } from "./session/sending";
import type { Signalling } from "./wire.gen";

const STATISTICS_MS = 2_000;
const LARGEST_LAYER = 2;

interface Remote {
  readonly player: VideoPlayer;
  config: RemoteVideoConfig;
}

/** One participant: enters one room at a time, sends microphone and camera, shows others. */
export class TRTC {
  static readonly EVENT = EVENT;
  static readonly TYPE = TYPE;
  static readonly ERROR_CODE = ErrorCode;
  /** Of the class and not of one participant, as in TRTC: a page has one loudspeaker. */
  private static readonly output = new SoundOutput();

  private readonly emitter = new Emitter();
  private readonly diary: Diary;
  private readonly local: Local;
  private readonly remotes = new Map<string, Remote>();
  private readonly stopWatching: () => void;
  private readonly timers: Array<ReturnType<typeof setInterval>> = [];
  private volumeTimer: ReturnType<typeof setInterval> | undefined;
  private call: Call | undefined;

  private constructor(private readonly config: CreateConfig) {
    this.diary = new Diary(() => performance.now(), config.log ?? true);
    witness(this.emitter, this.diary, (userId, streamType) => this.call?.slotOf(userId, trackOf(streamType)));
    this.local = new Local(this.emitter, () => (this.call?.connected ? this.call.room.sending : undefined));
    this.stopWatching = watchDevices(this.emitter);
  }

  /** Makes a participant; nothing is started. */
  static create(config: CreateConfig = {}): TRTC {
    return new TRTC(config);
  }

  /** Whether this browser can take part; `detail` says what is missing. */
  static async isSupported(): Promise<{ result: boolean; detail: Record<string, boolean> }> {
    const detail = {
      isWebRTCSupported: typeof RTCPeerConnection !== "undefined",
      isMediaDevicesSupported: navigator.mediaDevices?.getUserMedia !== undefined,
      isSealingSupported: typeof RTCRtpScriptTransform !== "undefined" && typeof Worker !== "undefined",
    };
    return { result: detail.isWebRTCSupported && detail.isSealingSupported, detail };
  }

  static getCameraList(): Promise<MediaDeviceInfo[]> {
    return devices("videoinput");
  }

  static getMicrophoneList(): Promise<MediaDeviceInfo[]> {
    return devices("audioinput");
  }

  static getSpeakerList(): Promise<MediaDeviceInfo[]> {
    return devices("audiooutput");
  }

  /** Plays everything through this loudspeaker, also what comes later; the empty id is the system's own. */
  static setCurrentSpeaker(speakerId: string): Promise<void> {
    return named("setCurrentSpeaker", TRTC.output.choose(speakerId));
  }

  on<E extends EventName>(event: E, handler: Handler<E>, context?: unknown): this {
    this.emitter.on(event, handler, context);
    return this;
  }

  /** Takes a handler back; without one all of the event, with `*` all. */
  off<E extends EventName>(event: E | "*", handler?: Handler<E>): this {
    this.emitter.off(event, handler);
    return this;
  }

  /**
   * Enters a room and sends what was started before. With `sealing` the call is sealed or does not take place: while there
   * is no key nothing is sent or shown, and when sealing fails the call ends.
   */
  async enterRoom(config: EnterRoomConfig): Promise<void> {
    if (this.call) {
      throw new RtcError(ErrorCode.INVALID_OPERATION, "A room was entered already.", {
        extraCode: ExtraCode.REPEATED_CALL,
        functionName: "enterRoom",
        action: "Leave it with exitRoom first.",
      });
    }
    const call = new Call(checkEntry(config), this.callHost());
    this.call = call;
    try {
      await call.enter();
    } catch (error) {
      this.forget(call);
      throw this.noted("enterRoom", error);
    }
    if (this.call !== call) return;
    this.timers.push(
      setInterval(() => void call.measuring.tellStatistics().catch(() => undefined), STATISTICS_MS),
    );
  }

  /** Leaves the room. Camera and microphone stay on until they are stopped. */
  async exitRoom(): Promise<void> {
    const { call } = this;
    if (call === undefined) return;
    await call.leave();
    this.forget(call);
  }

  /** Leaves, stops everything and takes all handlers away. */
  destroy(): void {
    void this.exitRoom();
    this.local.stopAll();
    this.stopWatching();
    clearInterval(this.volumeTimer);
    this.emitter.off("*");
  }

  startLocalAudio(config: LocalAudioConfig = {}): Promise<void> {
    return this.named("startLocalAudio", this.local.startAudio(config));
  }

  updateLocalAudio(config: LocalAudioConfig): Promise<void> {
    return this.named("updateLocalAudio", this.local.updateAudio(config));
  }

  stopLocalAudio(): Promise<void> {
    return this.named("stopLocalAudio", this.local.stop("audio"));
  }

  startLocalVideo(config: LocalVideoConfig = {}): Promise<void> {
    return this.named("startLocalVideo", this.local.startVideo(config));
  }

  updateLocalVideo(config: LocalVideoConfig): Promise<void> {
    return this.named("updateLocalVideo", this.local.updateVideo(config));
  }

  stopLocalVideo(): Promise<void> {
    return this.named("stopLocalVideo", this.local.stop("main"));
  }

  /** Shares a screen, window or tab beside the camera; the others get it as the stream `sub`. */
  startScreenShare(config: ScreenShareConfig = {}): Promise<void> {
    return this.named("startScreenShare", this.local.startScreen(config));
  }

  updateScreenShare(config: ScreenShareConfig): Promise<void> {
    return this.named("updateScreenShare", this.local.updateScreen(config));
  }

  stopScreenShare(): Promise<void> {
    return this.named("stopScreenShare", this.local.stop("screen"));
  }

  /** Asks for somebody's video and shows it. Called again for the same video, it changes view, look or layer. */
  async startRemoteVideo(config: RemoteVideoConfig): Promise<void> {
    const call = this.entered("startRemoteVideo");
    const { userId, streamType, option = {} } = config;
    const track = trackOf(streamType);
    const layer = option.layer ?? (option.small ? 0 : LARGEST_LAYER);
    const media = await this.named("startRemoteVideo", call.watch(userId, track, layer));
    if (this.call !== call) return;
    this.remote(config).player.show(media, config.view ?? null, option);
    this.emitter.emit("track", { userId, streamType, track: media });
  }

  /** Gives somebody's video up; `*` is everybody's. */
  async stopRemoteVideo({ userId, streamType }: { userId: string; streamType?: StreamType }): Promise<void> {
    const call = this.entered("stopRemoteVideo");
    const isMeant = (one: { userId: string; track: Signalling.Track }): boolean =>
      (userId === "*" || one.userId === userId) && (!streamType || one.track === trackOf(streamType));
    const shown = [...this.remotes.values()].map(({ config }) => config);
    for (const { userId: of, streamType: stream } of shown)
      if (isMeant({ userId: of, track: trackOf(stream) })) this.removeRemote(of, trackOf(stream));
    const asked = call.watched.filter(isMeant);
    const stops = asked.map((one) => call.unwatch(one.userId, one.track));
    await this.named("stopRemoteVideo", Promise.all(stops));
  }

  /**
   * Sends a message to everybody else in the room, as `custom-message`: at most 30 and 8 KB a second, from those who may publish.
   * In a sealed call it is sealed, and rejects while there is no key.
   */
  async sendCustomMessage(message: CustomMessage): Promise<void> {
    await this.named("sendCustomMessage", this.entered("sendCustomMessage").sendCustom(message));
  }

  /** What the operator has of this call, by its own word; may be asked once a second. */
  async getOperatorRecord(): Promise<OperatorRecord> {
    return this.named("getOperatorRecord", this.entered("getOperatorRecord").room.record());
  }

  /**
   * What the operator keeps of this call and of us, field by field by his data catalogue, in his own word; null where the server
   * does not tell. May be asked every five seconds.
   */
  async getOperatorKept(): Promise<OperatorKept | null> {
    return this.named("getOperatorKept", this.entered("getOperatorKept").room.kept());
  }

  /** Silences one user, or everybody with `*`, on this device only. */
  async muteRemoteAudio(userId: string, mute: boolean): Promise<void> {
    this.entered("muteRemoteAudio").speakers.mute(userId, mute);
  }

  /** Emits `audio-volume` every `interval` milliseconds; 0 ends that. */
  enableAudioVolumeEvaluation(interval = 2_000): void {
    clearInterval(this.volumeTimer);
    if (interval <= 0) return;
    this.volumeTimer = setInterval(
      () => void this.call?.measuring.tellVolumes().catch(() => undefined),
      Math.max(interval, 100),
    );
  }

  /** The microphone's track, or that of a user whose voice arrives now; null when there is none. */
  getAudioTrack({ userId = "" }: { userId?: string } = {}): MediaStreamTrack | null {
    if (userId === "") return this.local.outgoing.get("audio")?.media ?? null;
    const place = this.call?.speakers.placeOf(userId);
    if (place === undefined || !this.call?.connected) return null;
    return this.call.room.audio.find((one) => one.place === place)?.track ?? null;
  }

  /** The camera's track, or that of a remote video that was started; null when there is none. */
  getVideoTrack({ userId = "", streamType = "main" }: { userId?: string; streamType?: StreamType } = {}) {
    if (userId === "") return this.local.outgoing.get(trackOf(streamType))?.media ?? null;
    if (!this.call?.connected) return null;
    return this.call.room.pictures.videoOf(userId, trackOf(streamType)) ?? null;
  }

  private callHost(): CallHost {
    return {
      emitter: this.emitter,
      diary: this.diary,
      output: TRTC.output,
      outgoing: (): ReadonlyMap<Signalling.Track, Outgoing> => this.local.published,
      startWorker: () => sealingWorker(this.config.sealingWorker),
      videoGone: (userId, track) => {
        this.removeRemote(userId, track);
        this.call?.unwatch(userId, track).catch(() => undefined);
      },
      videoMoved: (userId, track, media) => {
        const remote = this.remotes.get(`${userId}/${track}`);
        remote?.player.show(media, remote.config.view ?? null, remote.config.option);
      },
      ended: () => {
        if (this.call) this.forget(this.call);
      },
    };
  }

  private remote(config: RemoteVideoConfig): Remote {
    const { userId, streamType } = config;
    const track = trackOf(streamType);
    const known = this.remotes.get(`${userId}/${track}`);
    if (known) {
      known.config = config;
      return known;
    }
    const player = new VideoPlayer(
      { userId, track, local: false },
      (width, height) => this.emitter.emit("first-video-frame", { userId, streamType, width, height }),
      (resume) => this.emitter.emit("autoplay-failed", { userId, mediaType: "video", resume }),
    );
    const made = { player, config };
    this.remotes.set(`${userId}/${track}`, made);
    return made;
  }

  private removeRemote(userId: string, track: "main" | "screen"): void {
    this.remotes.get(`${userId}/${track}`)?.player.remove();
    this.remotes.delete(`${userId}/${track}`);
  }

  private forget(call: Call): void {
    if (this.call !== call) return;
    this.call = undefined;
    for (const timer of this.timers.splice(0)) clearInterval(timer);
    for (const { player } of this.remotes.values()) player.remove();
    this.remotes.clear();
    this.local.roomLeft();
  }

  private async named<T>(functionName: string, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      throw this.noted(functionName, error);
    }
  }

  /** The error as the caller gets it; it stands in the log, too. */
  private noted(functionName: string, error: unknown): RtcError {
    const failed = asRtcError(error, functionName);
    this.diary.failed(functionName, failed);
    return failed;
  }

  private entered(functionName: string): Call {
    if (this.call) return this.call;
    throw new RtcError(ErrorCode.INVALID_OPERATION, "No room was entered.", {
      extraCode: ExtraCode.NOT_IN_ROOM,
      functionName,
      action: "Enter a room first.",
    });
  }
}

async function named<T>(functionName: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw asRtcError(error, functionName);
  }
}
