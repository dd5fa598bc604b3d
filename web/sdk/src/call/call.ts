// SPDX-License-Identifier: Apache-2.0
// A call from entry to exit: the sessions it takes, the sealing that spans them, what others see of us and we of them.

import { asRtcError, ErrorCode, ExtraCode, RtcError } from "../errors";
import type { ConnectionState } from "../events";
import { Speakers } from "../media/player";
import type { CheckedEntry, CustomMessage } from "../options";
import type { Refusals } from "../sealing/port";
import { Sealing, type SealingListener, type SealingStatus } from "../sealing/sealing";
import { leftMeanwhile, Session, type SessionListener } from "../session/session";
import { CustomMessages } from "./custom";
import { type CallHost, streamOf, tell } from "./host";
import { Measuring } from "./measuring";
import { Participants } from "./participants";
import { enterAgain, lostBy } from "./reentry";
import { unwatched, type VideoTrack, WantedVideos } from "./wanted";

/** One call. */
export class Call {
  readonly participants = new Participants();
  readonly speakers: Speakers;
  private readonly refused = new Map<string, number>();
  private readonly custom: CustomMessages;
  readonly measuring: Measuring;
  private readonly voices = new Set<number>();
  private readonly wanted = new WantedVideos();
  private session: Session | undefined;
  /** Who waits for the session to come; called with none when the call is over. */
  private awaiting: Array<(session: Session | undefined) => void> = [];
  private sealing: Sealing | null = null;
  private entry = 0;
  private state: ConnectionState = "DISCONNECTED";
  private over = false;
  /** Ends an entry that is on its way. */
  private readonly entering = new AbortController();
  private leaving: Promise<void> | undefined;
  private sealingSince: number | undefined;

  constructor(
    private readonly config: CheckedEntry,
    private readonly host: CallHost,
  ) {
    this.speakers = new Speakers(host.output, (userId, resume) => {
      host.emitter.emit("autoplay-failed", { userId, mediaType: "audio", resume });
    });
    const frames = () => this.sealing && { counts: this.sealing.counts, refused: this.refused };
    const { speakers, participants } = this;
    const measured = { speakers, participants, session: () => this.session, frames };
    this.measuring = new Measuring(measured, host.emitter, host.diary);
    this.custom = new CustomMessages((message) => host.emitter.emit("custom-message", message));
  }

  /** The session of now; throws RtcError while there is none. */
  get room(): Session {
    if (this.session) return this.session;
    throw new RtcError(ErrorCode.INVALID_OPERATION, "There is no connection to the room now.", {
      extraCode: ExtraCode.NOT_IN_ROOM,
      action: "Wait until the connection is back.",
    });
  }

  /**
   * What seals this call; null only where no sealing was asked for. Throws RtcError before it has started: a call that is to be
   * sealed is never treated as one that is not.
   */
  private get sealer(): Sealing | null {
    if (this.config.sealing === undefined || this.sealing) return this.sealing;
    throw new RtcError(ErrorCode.INVALID_OPERATION, "Sealing has not started, so nothing is sent or shown.", {
      reason: "sealing_not_started",
      action: "Wait until enterRoom has resolved.",
    });
  }

  /** Whether a session is there. */
  get connected(): boolean {
    return this.session !== undefined;
  }

  /** Enters for the first time; rejects with RtcError and leaves nothing behind when that fails. */
  async enter(): Promise<void> {
    this.setState("CONNECTING");
    try {
      await this.startSealing();
      await this.takeUpAgain(await this.newSession());
    } catch (error) {
      this.end();
      throw error;
    }
  }

  /** Leaves, once: whoever asks again waits for the same. */
  leave(): Promise<void> {
    this.leaving ??= this.sayGoodbye();
    return this.leaving;
  }

  private async sayGoodbye(): Promise<void> {
    if (this.over) return;
    this.over = true;
    this.entering.abort();
    await this.measuring.quality.finish();
    await this.session?.leave();
    this.end();
  }

  /**
   * Asks for somebody's video, now and after every re-entry. A session that breaks meanwhile, or that there is not yet again, is
   * waited for: nobody else would ask the next one. What is refused is wanted no more, or as it was before; what is given up
   * meanwhile is not shown, and rejects.
   */
  async watch(userId: string, track: VideoTrack, layer: number): Promise<MediaStreamTrack> {
    const takeBack = this.wanted.add({ userId, track, layer });
    for (;;) {
      let session: Session | undefined;
      try {
        session = await this.nextSession();
        if (!this.wanted.has(userId, track)) throw unwatched();
        const media = await session.pictures.watch(userId, track, layer);
        if (this.wanted.has(userId, track)) return media;
        session.pictures.unwatch(userId, track).catch(() => undefined);
        throw unwatched();
      } catch (error) {
        if (!this.wanted.has(userId, track)) throw error;
        if (session !== undefined && session !== this.session && !this.over) continue;
        takeBack();
        throw error;
      }
    }
  }

  /** The remote videos that are asked for, those included that are not there yet. */
  get watched(): ReadonlyArray<{ readonly userId: string; readonly track: VideoTrack }> {
    return this.wanted.all;
  }

  /** The session of now, or the next one. Rejects with RtcError when the call is over. */
  private async nextSession(): Promise<Session> {
    if (this.session) return this.session;
    const next = this.over
      ? undefined
      : await new Promise<Session | undefined>((resolve) => void this.awaiting.push(resolve));
    return next ?? this.room;
  }

  private tellAwaiting(): void {
    for (const resolve of this.awaiting.splice(0)) resolve(this.session);
  }

  async unwatch(userId: string, track: "main" | "screen"): Promise<void> {
    if (this.wanted.remove(userId, track)) await this.session?.pictures.unwatch(userId, track);
  }

  /** Sends a custom message to everybody else in the room. */
  async sendCustom(message: CustomMessage): Promise<void> {
    const data = await this.custom.write(message, this.sealer);
    await this.room.sendCustom(data);
  }

  /** The slot in which somebody's picture arrives, if it was asked for. */
  slotOf(userId: string, track: "main" | "screen"): number | undefined {
    return this.session?.pictures.slotOf(userId, track);
  }

  private async startSealing(): Promise<void> {
    const { sealing, sdkAppId, userId, room } = this.config;
    if (sealing === undefined) {
      this.host.emitter.emit("sealing-state-changed", { state: "off", epoch: null, step: null, fault: null });
      return;
    }
    if (typeof RTCRtpScriptTransform === "undefined") {
      throw new RtcError(ErrorCode.ENV_NOT_SUPPORTED, "This browser cannot seal calls.", {
        reason: "no_script_transform",
        action: "Use a current Chrome, Edge, Firefox or Safari.",
      });
    }
    // Before the worker says so: who is there may be told sooner than that, and nobody may take the call for an open one meanwhile.
    this.host.emitter.emit("sealing-state-changed", {
      state: "joining",
      epoch: null,
      step: null,
      fault: null,
    });
    const about = { sdkAppId, userId, room };
    this.sealingSince = performance.now();
    this.sealing = await Sealing.start(this.host.startWorker(), sealing, about, this.sealingListener());
    if (this.over) this.sealing.end();
  }

  private sealingListener(): SealingListener {
    const { emitter } = this.host;
    return {
      state: (status) => this.sealingChanged(status),
      roster: (members, words) => emitter.emit("roster-changed", { members, words }),
      voice: (entry, place, userId) => {
        if (entry !== this.entry) return;
        this.speakers.assign(place, userId);
        this.firstVoice(place);
      },
      waited: (waited) => this.host.diary.happened({ what: "key-waited", waited }),
      keyFrameWanted: (entry, track) => {
        if (entry === this.entry) this.session?.sending.makeKeyFrame(track).catch(() => undefined);
      },
      refused: (refusals) => this.tellRefusals(refusals),
      message: (message) => emitter.emit("custom-message", message),
    };
  }

  /** The first that was heard in a slot of this entry. */
  private firstVoice(place: number): void {
    const slot = this.session?.pictures.slotAt(place);
    if (slot === undefined || this.voices.has(place)) return;
    this.voices.add(place);
    this.host.diary.happened({ what: "first-frame", slot });
  }

  private sealingChanged({ state, epoch, step, fault }: SealingStatus): void {
    if (this.over) return;
    if (state === "sealed" && this.sealingSince !== undefined) {
      const waited = Math.round(performance.now() - this.sealingSince);
      this.host.diary.happened({ what: "key-waited", waited, first: true });
      this.sealingSince = undefined;
    }
    this.host.emitter.emit("sealing-state-changed", { state, epoch, step, fault });
    if (state !== "failed") return;
    const { message, action, code } = fault ?? { message: "Sealing failed.", action: "", code: "" };
    this.giveUp(new RtcError(ErrorCode.OPERATION_FAILED, message, { reason: code, action }));
  }

  private tellRefusals(refusals: readonly Refusals[]): void {
    for (const { entry, place, reason, count } of refusals) {
      this.refused.set(reason, (this.refused.get(reason) ?? 0) + count);
      const slot = place !== null && entry === this.entry ? this.session?.pictures.slotAt(place) : undefined;
      this.host.diary.happened({
        what: "frames-refused",
        reason,
        count,
        ...(slot !== undefined && { slot }),
      });
      if (place === null) {
        this.host.emitter.emit("frame-refused", { userId: "", streamType: "data", reason, count });
        continue;
      }
      if (entry !== this.entry) continue;
      const source = this.session?.pictures.sourceAt(place);
      const userId = source?.userId ?? this.speakers.userAt(place) ?? "";
      const streamType = source ? streamOf(source.track) : "audio";
      this.host.emitter.emit("frame-refused", { userId, streamType, reason, count });
    }
  }

  private async newSession(): Promise<Session> {
    const entry = ++this.entry;
    const listener: SessionListener = {
      said: (message) => this.heard(message),
      audioAssigned: (place, userId) => {
        if (this.config.sealing === undefined && entry === this.entry) this.speakers.assign(place, userId);
      },
      restarted: () => this.host.diary.happened({ what: "media-restarted" }),
      lost: (error) => this.lost(entry, error),
    };
    const { config, sealer, entering } = this;
    const session = await Session.enter(config, entry, sealer, listener, entering.signal);
    if (this.over) {
      session.end();
      throw leftMeanwhile();
    }
    this.session = session;
    try {
      this.begin(session);
    } catch (error) {
      // Else it would go on beside the one that is tried next.
      this.session = undefined;
      session.end();
      throw error;
    }
    this.tellAwaiting();
    return session;
  }

  private begin(session: Session): void {
    this.voices.clear();
    this.measuring.begin(session);
    this.speakers.clear();
    for (const { place, track } of session.audio) this.speakers.add(place, track);
    this.setState("CONNECTED");
    tell(this.host, this.participants.replace(session.participants));
    session.listen();
  }

  /** Sends and asks for everything that was sent and asked for before. A refusal of one leaves the others. */
  private async takeUpAgain(session: Session): Promise<void> {
    const sent = [...this.host.outgoing()].map(([track, outgoing]) =>
      session.sending.publish(track, outgoing),
    );
    const seen = this.wanted.all.map(async (video) => {
      const { userId, track, layer } = video;
      try {
        const media = await session.pictures.watch(userId, track, layer);
        if (session === this.session) this.host.videoMoved(userId, track, media);
      } catch (error) {
        if (session === this.session) this.wanted.drop(video);
        throw error;
      }
    });
    const settled = await Promise.allSettled([...sent, ...seen]);
    // What broke with the session is taken up by the next.
    if (session !== this.session) return;
    for (const one of settled) {
      if (one.status === "rejected" && one.reason instanceof RtcError)
        this.host.emitter.emit("error", one.reason);
    }
  }

  /** **A call that is over says nothing more**: another may have begun, which would take it for its own. */
  private heard(message: Heard): void {
    if (this.over) return;
    switch (message.type) {
      case "participant-entered":
        return tell(this.host, this.participants.enter(message.participant));
      case "participant-left":
        return tell(this.host, this.participants.leave(message.userId, message.reason));
      case "track-published":
      case "track-muted":
        return tell(this.host, this.participants.publish(message.userId, message.track, message.muted));
      case "track-unpublished":
        return tell(this.host, this.participants.unpublish(message.userId, message.track));
      case "custom-message":
        return this.custom.hear(message.userId, message.data, this.sealer);
      case "blocked":
        return void this.host.emitter.emit("sending-blocked", { audio: message.audio, video: message.video });
      case "kicked-out":
        this.end();
        this.host.emitter.emit("kicked-out", { reason: message.reason });
        return this.host.ended();
    }
  }

  private lost(entry: number, error: RtcError): void {
    if (this.over || entry !== this.entry || this.session === undefined) return;
    this.session = undefined;
    this.measuring.quality.lost();
    this.host.diary.failed("session", error);
    this.setState("RECONNECTING");
    void this.comeBack(error);
  }

  /** The tries end with the session: one that is lost while it takes up again has tries of its own, and no others beside them. */
  private async comeBack(first: RtcError): Promise<void> {
    const begin = performance.now();
    try {
      const entered = await enterAgain(
        first,
        () => this.newSession(),
        () => this.over,
      );
      if (entered === undefined) return;
      const { session, tries } = entered;
      const took = Math.round(performance.now() - begin);
      this.host.diary.happened({ what: "reconnected", lost: lostBy(first), took, tries });
      await this.takeUpAgain(session);
    } catch (error) {
      this.giveUp(asRtcError(error, "enterRoom"));
    }
  }

  private giveUp(error: RtcError): void {
    if (this.over) return;
    this.end();
    this.host.emitter.emit("error", error);
    this.host.ended();
  }

  private end(): void {
    this.over = true;
    this.entering.abort();
    this.session?.end();
    this.session = undefined;
    this.tellAwaiting();
    this.measuring.quality.end();
    this.sealing?.end();
    this.speakers.clear();
    this.setState("DISCONNECTED");
  }

  private setState(state: ConnectionState): void {
    if (state === this.state) return;
    const prevState = this.state;
    this.state = state;
    const isReconnecting =
      state === "RECONNECTING" || (prevState === "RECONNECTING" && state === "CONNECTED");
    this.host.emitter.emit("connection-state-changed", { prevState, state, isReconnecting });
  }
}

type Heard = Parameters<SessionListener["said"]>[0];
