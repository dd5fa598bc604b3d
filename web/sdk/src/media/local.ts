// SPDX-License-Identifier: Apache-2.0
// Our own microphone and camera: captured once, sent when there is a room.

import type { Outgoing, Session } from "../call/session";
import { ErrorCode, ExtraCode, RtcError } from "../errors";
import type { Emitter } from "../events";
import type { LocalAudioConfig, LocalVideoConfig } from "../options";
import { type Capture, captureAudio, captureVideo } from "./capture";
import { VideoPlayer } from "./player";
import { DEFAULT_PROFILE, VIDEO_PROFILES } from "./profiles";

type LocalTrack = "audio" | "main";
type PublishState = "starting" | "started" | "stopped";

interface Source {
  capture: Capture;
  publish: boolean;
  muted: boolean;
  config: LocalAudioConfig & LocalVideoConfig;
  state: PublishState;
}

const MEDIA: Readonly<Record<LocalTrack, "audio" | "video">> = { audio: "audio", main: "video" };

/** What this device sends, in and out of rooms. `room` is the session of now, if there is one. */
export class Local {
  private readonly sources = new Map<LocalTrack, Source>();
  private player: VideoPlayer | undefined;

  constructor(
    private readonly emitter: Emitter,
    private readonly room: () => Session | undefined,
  ) {}

  /** Everything that is captured. */
  get outgoing(): ReadonlyMap<"audio" | "main" | "screen", Outgoing> {
    return new Map([...this.sources].map(([track, source]) => [track, outgoingOf(source)]));
  }

  /** Everything that is to be sent. */
  get published(): ReadonlyMap<"audio" | "main", Outgoing> {
    const wanted = [...this.sources].filter(([, { publish }]) => publish);
    return new Map(wanted.map(([track, source]) => [track, outgoingOf(source)]));
  }

  async startAudio(config: LocalAudioConfig): Promise<void> {
    this.refuseRepeated("audio");
    await this.start("audio", await captureAudio(config.option), config);
  }

  async startVideo(config: LocalVideoConfig): Promise<void> {
    this.refuseRepeated("main");
    const capture = await captureVideo(config.option);
    this.preview(capture.track, config);
    await this.start("main", capture, config);
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
    this.preview(source.capture.track, merged);
  }

  async stop(track: LocalTrack): Promise<void> {
    const source = this.sources.get(track);
    if (source === undefined) return;
    this.sources.delete(track);
    release(source.capture);
    if (track === "main") {
      this.player?.remove();
      this.player = undefined;
    }
    if (source.publish) await this.room()?.unpublish(track);
    this.setState(track, source, "stopped");
  }

  stopAll(): void {
    for (const track of [...this.sources.keys()]) this.stop(track).catch(() => undefined);
  }

  /** The room is gone; what is captured stays for the next one. */
  roomLeft(): void {
    for (const [track, source] of this.sources) this.setState(track, source, "stopped");
  }

  private async start(
    track: LocalTrack,
    capture: Capture,
    config: LocalAudioConfig & LocalVideoConfig,
  ): Promise<void> {
    const { publish = true, mute = false } = config;
    const source: Source = { capture, publish, muted: mute, config, state: "stopped" };
    this.sources.set(track, source);
    capture.track.enabled = !mute;
    if (publish) await this.publish(track, source);
  }

  private async update(
    track: LocalTrack,
    config: LocalAudioConfig & LocalVideoConfig,
    capture: Capture | undefined,
  ): Promise<void> {
    const source = this.started(track);
    const { publish = source.publish, mute = source.muted } = config;
    source.config = config;
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
      this.setState(track, source, "started");
    } catch (error) {
      source.publish = false;
      const reason = error instanceof RtcError ? error : undefined;
      this.setState(track, source, "stopped", reason);
      throw error;
    }
  }

  private preview(track: MediaStreamTrack, { view, option = {} }: LocalVideoConfig): void {
    if (view === undefined) return;
    this.player ??= new VideoPlayer(
      { userId: "", track: "main", local: true },
      () => undefined,
      () => undefined,
    );
    this.player.show(track, view, { mirror: true, ...option });
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
      action: `Call startLocal${track === "audio" ? "Audio" : "Video"} first.`,
    });
  }

  private refuseRepeated(track: LocalTrack): void {
    if (!this.sources.has(track)) return;
    throw new RtcError(ErrorCode.INVALID_OPERATION, `Local ${MEDIA[track]} was started already.`, {
      extraCode: ExtraCode.REPEATED_CALL,
      action: "Use the update method.",
    });
  }
}

function outgoingOf({ capture, muted, config }: Source): Outgoing {
  const { bitrate } = VIDEO_PROFILES[config.option?.profile ?? DEFAULT_PROFILE];
  return { media: capture.track, muted, bitrate: bitrate * 1000 };
}

function release({ track, own }: Capture): void {
  if (own) track.stop();
}
