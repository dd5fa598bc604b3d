// SPDX-License-Identifier: Apache-2.0
// Our own microphone, camera and screen: captured once, sent when there is a room.

import { ErrorCode, ExtraCode, RtcError } from "../errors";
import type { Emitter } from "../events";
import type { LocalAudioConfig, LocalVideoConfig, ScreenShareConfig } from "../options";
import type { Outgoing, Sending } from "../session/sending";
import { type Capture, captureAudio, captureScreen, captureVideo } from "./capture";
import { VideoPlayer } from "./player";
import { DEFAULT_PROFILE, DEFAULT_SCREEN_PROFILE, SCREEN_PROFILES, VIDEO_PROFILES } from "./profiles";

type LocalTrack = "audio" | "main" | "screen";
type PublishState = "starting" | "started" | "stopped";

interface Source {
  capture: Capture;
  publish: boolean;
  muted: boolean;
  config: LocalAudioConfig & LocalVideoConfig;
  /** Bits a second at most. */
  bitrate: number;
  state: PublishState;
}

/** What trtc-sdk-v5 calls them in `publish-state-changed` and in errors. */
const MEDIA: Readonly<Record<LocalTrack, "audio" | "video" | "screen">> = {
  audio: "audio",
  main: "video",
  screen: "screen",
};

/** What this device sends, in and out of rooms. `room` is what sends in the session of now, if there is one. */
export class Local {
  private readonly sources = new Map<LocalTrack, Source>();
  /** What is being opened: the browser may take as long as a person needs to allow it. */
  private readonly opening = new Map<LocalTrack, symbol>();
  private readonly players = new Map<"main" | "screen", VideoPlayer>();

  constructor(
    private readonly emitter: Emitter,
    private readonly room: () => Sending | undefined,
  ) {}

  /** Everything that is captured. */
  get outgoing(): ReadonlyMap<LocalTrack, Outgoing> {
    return new Map([...this.sources].map(([track, source]) => [track, outgoingOf(source)]));
  }

  /** Everything that is to be sent. */
  get published(): ReadonlyMap<LocalTrack, Outgoing> {
    const wanted = [...this.sources].filter(([, { publish }]) => publish);
    return new Map(wanted.map(([track, source]) => [track, outgoingOf(source)]));
  }

  async startAudio(config: LocalAudioConfig): Promise<void> {
    await this.start("audio", await this.open("audio", () => captureAudio(config.option)), config);
  }

  async startVideo(config: LocalVideoConfig): Promise<void> {
    const capture = await this.open("main", () => captureVideo(config.option));
    this.preview("main", capture.track, config.view, { mirror: true, ...config.option });
    await this.start("main", capture, config);
  }

  /** Also ends by itself, when the person ends it with the browser's own button. */
  async startScreen({ view, publish = true, option = {} }: ScreenShareConfig): Promise<void> {
    const capture = await this.open("screen", () => captureScreen(option));
    const { track } = capture;
    track.addEventListener("ended", () => {
      if (this.sources.get("screen")?.capture.track !== track) return;
      this.stop("screen").catch(() => undefined);
      this.emitter.emit("screen-share-stopped");
    });
    this.preview("screen", track, view, option);
    const { bitrate } = SCREEN_PROFILES[option.profile ?? DEFAULT_SCREEN_PROFILE];
    await this.start("screen", capture, { publish }, bitrate * 1000);
  }

  /** Shows it elsewhere, or sends it or not. */
  async updateScreen({ view, publish, option = {} }: ScreenShareConfig): Promise<void> {
    const source = this.started("screen");
    this.preview("screen", source.capture.track, view, option);
    await this.update("screen", publish === undefined ? {} : { publish }, undefined);
  }

  async updateAudio(config: LocalAudioConfig): Promise<void> {
    const source = this.started("audio");
    const merged = { ...source.config, ...config, option: { ...source.config.option, ...config.option } };
    const changed = config.option?.microphoneId !== undefined || config.option?.audioTrack !== undefined;
    await this.update("audio", merged, changed ? await captureAudio(merged.option) : undefined);
  }

  async updateVideo(config: LocalVideoConfig): Promise<void> {
    const source = this.started("main");
    const merged = { ...source.config, ...config, option: { ...source.config.option, ...config.option } };
    const { cameraId, videoTrack, profile, useFrontCamera } = config.option ?? {};
    const changed = [cameraId, videoTrack, profile, useFrontCamera].some((value) => value !== undefined);
    await this.update("main", merged, changed ? await captureVideo(merged.option) : undefined);
    this.preview("main", source.capture.track, merged.view, { mirror: true, ...merged.option });
  }

  async stop(track: LocalTrack): Promise<void> {
    this.opening.delete(track);
    const source = this.sources.get(track);
    if (source === undefined) return;
    this.sources.delete(track);
    release(source.capture);
    if (track !== "audio") {
      this.players.get(track)?.remove();
      this.players.delete(track);
    }
    if (source.publish) await this.room()?.unpublish(track);
    this.setState(track, source, "stopped");
  }

  stopAll(): void {
    for (const track of [...this.opening.keys(), ...this.sources.keys()])
      this.stop(track).catch(() => undefined);
  }

  /** The room is gone; what is captured stays for the next one. */
  roomLeft(): void {
    for (const [track, source] of this.sources) this.setState(track, source, "stopped");
  }

  /** Captures, once: who calls again meanwhile is refused, and what was stopped meanwhile is released. */
  private async open(track: LocalTrack, capture: () => Promise<Capture>): Promise<Capture> {
    this.refuseRepeated(track);
    const turn = Symbol(track);
    this.opening.set(track, turn);
    try {
      const captured = await capture();
      if (this.opening.get(track) === turn) return captured;
      release(captured);
      throw stopped(track);
    } finally {
      if (this.opening.get(track) === turn) this.opening.delete(track);
    }
  }

  private async start(
    track: LocalTrack,
    capture: Capture,
    config: LocalAudioConfig & LocalVideoConfig,
    bitrate = cameraBitrate(config),
  ): Promise<void> {
    const { publish = true, mute = false } = config;
    const source: Source = { capture, publish, muted: mute, config, bitrate, state: "stopped" };
    this.sources.set(track, source);
    capture.track.enabled = !mute;
    if (publish) await this.publish(track, source);
  }

  private async update(
    track: LocalTrack,
    config: LocalAudioConfig & LocalVideoConfig,
    capture: Capture | undefined,
  ): Promise<void> {
    if (capture && !this.sources.has(track)) {
      release(capture);
      throw stopped(track);
    }
    const source = this.started(track);
    const { publish = source.publish, mute = source.muted } = config;
    source.config = config;
    if (track !== "screen") source.bitrate = cameraBitrate(config);
    if (capture) {
      release(source.capture);
      source.capture = capture;
      if (source.publish) await this.room()?.replace(track, outgoingOf(source));
    }
    source.capture.track.enabled = !mute;
    const muteChanged = mute !== source.muted;
    source.muted = mute;
    if (publish !== source.publish) {
      source.publish = publish;
      if (publish) await this.publish(track, source);
      else await this.room()?.unpublish(track);
    } else if (muteChanged && publish) await this.room()?.setMuted(track, mute);
  }

  private async publish(track: LocalTrack, source: Source): Promise<void> {
    const room = this.room();
    if (room === undefined) return;
    this.setState(track, source, "starting");
    try {
      await room.publish(track, outgoingOf(source));
      if (this.sources.get(track) === source) this.setState(track, source, "started");
    } catch (error) {
      source.publish = false;
      const reason = error instanceof RtcError ? error : undefined;
      this.setState(track, source, "stopped", reason);
      throw error;
    }
  }

  private preview(
    track: "main" | "screen",
    media: MediaStreamTrack,
    view: LocalVideoConfig["view"],
    look: { mirror?: boolean; fillMode?: "contain" | "cover" | "fill" },
  ): void {
    if (view === undefined) return;
    const ignore = (): void => undefined;
    const player =
      this.players.get(track) ?? new VideoPlayer({ userId: "", track, local: true }, ignore, ignore);
    this.players.set(track, player);
    player.show(media, view, look);
  }

  private setState(track: LocalTrack, source: Source, state: PublishState, error?: RtcError): void {
    const prevState = source.state;
    if (prevState === state) return;
    source.state = state;
    const reason = error ? "error" : "api-call";
    const mediaType = MEDIA[track];
    this.emitter.emit("publish-state-changed", {
      mediaType,
      state,
      prevState,
      reason,
      ...(error && { error }),
    });
  }

  private started(track: LocalTrack): Source {
    const source = this.sources.get(track);
    if (source) return source;
    throw new RtcError(ErrorCode.INVALID_OPERATION, `Local ${MEDIA[track]} was not started.`, {
      action: `Call ${START[track]} first.`,
    });
  }

  private refuseRepeated(track: LocalTrack): void {
    if (!this.sources.has(track) && !this.opening.has(track)) return;
    throw new RtcError(ErrorCode.INVALID_OPERATION, `Local ${MEDIA[track]} was started already.`, {
      extraCode: ExtraCode.REPEATED_CALL,
      action: "Use the update method.",
    });
  }
}

const START = { audio: "startLocalAudio", main: "startLocalVideo", screen: "startScreenShare" } as const;

function stopped(track: LocalTrack): RtcError {
  return new RtcError(ErrorCode.OPERATION_ABORT, `Local ${MEDIA[track]} was stopped while it was opened.`, {
    reason: "stopped",
    action: `Call ${START[track]} again.`,
  });
}

function outgoingOf({ capture, muted, bitrate }: Source): Outgoing {
  return { media: capture.track, muted, bitrate };
}

function cameraBitrate({ option }: LocalVideoConfig): number {
  return VIDEO_PROFILES[option?.profile ?? DEFAULT_PROFILE].bitrate * 1000;
}

function release({ track, own }: Capture): void {
  if (own) track.stop();
}
