// SPDX-License-Identifier: Apache-2.0
// One entry into a room: one line, one peer connection. When either is lost for good, a new session is made.

import { VERSION } from "../constants";
import { asRtcError, ErrorCode, ExtraCode, RtcError } from "../errors";
import type { CheckedEntry } from "../options";
import type { Sealing } from "../sealing/sealing";
import { Transforms } from "../sealing/transforms";
import { PROTOCOL_VERSION, type Signalling } from "../wire.gen";
import { payloadTypes } from "./codecs";
import type { OperatorKept } from "./kept";
import { type LineListener, type Request, SignallingLine } from "./line";
import { Pictures } from "./pictures";
import type { OperatorRecord } from "./record";
import { Sections } from "./sections";
import { Sending } from "./sending";

/** What the server says on its own. */
type Told = Parameters<LineListener["said"]>[0];

/** How long a broken media path may take to mend before it is restarted. Lower reacts faster to short gaps. */
const MEND_MS = 4_000;
const RESTARTS = 3;

/** What a session tells. */
export interface SessionListener {
  said(message: Exclude<Signalling.ServerMessage, { type: "audio-slots" }>): void;
  /** The server says whose voice an audio slot carries; only to be believed in a call that is not sealed. */
  audioAssigned(place: number, userId: string | null): void;
  /** The media path broke, and is tried anew. */
  restarted(): void;
  /** The session is over, and not because we left. */
  lost(error: RtcError): void;
}

/** A room that was entered. */
export class Session {
  participants: readonly Signalling.Participant[] = [];
  /** When the server let us in, on the clock of `performance.now`. */
  enteredAt = 0;
  /** What the server asked to be told of the call. */
  reports: Signalling.Reports | undefined;
  private tellsKept = false;
  private readonly connection = new RTCPeerConnection({
    bundlePolicy: "max-bundle",
    rtcpMuxPolicy: "require",
  });
  private readonly transforms: Transforms | null;
  private readonly sections: Sections;
  /** What we send. */
  readonly sending: Sending;
  /** What we see. */
  readonly pictures: Pictures;
  private line: SignallingLine | undefined;
  private growing: Promise<void> | undefined;
  private negotiation: Promise<unknown> = Promise.resolve();
  private restarts = 0;
  private mending: ReturnType<typeof setTimeout> | undefined;
  private over = false;
  /** What the server said on its own before the call knew what `entered` says; null once it is listened to. */
  private early: Told[] | null = [];
  private abandon: (error: RtcError) => void = () => undefined;
  /** Rejects when the session is lost. What a browser was asked for may never settle once its connection is closed. */
  private readonly gone = new Promise<never>((_, reject) => {
    this.abandon = reject;
  });

  private readonly ask: SignallingLine["ask"] = async (request) => {
    if (this.line === undefined || this.over) {
      throw new RtcError(ErrorCode.INVALID_OPERATION, "There is no room.", {
        extraCode: ExtraCode.NOT_IN_ROOM,
      });
    }
    return this.line.ask(request);
  };

  private constructor(
    private readonly entry: number,
    private readonly sealing: Sealing | null,
    private readonly listener: SessionListener,
  ) {
    this.transforms = sealing && new Transforms((options) => sealing.transform(options), entry);
    this.sections = new Sections(this.connection, this.transforms);
    this.sending = new Sending(this.sections, this.ask);
    this.pictures = new Pictures(this.sections, {
      ask: this.ask,
      addSlots: () => this.addSlots(),
      tellWorker: (place, source) => this.sealing?.post({ type: "bind", entry, place, source }),
    });
    this.connection.onconnectionstatechange = () => this.connectionChanged();
    this.gone.catch(() => undefined);
  }

  /** Enters the room; rejects with RtcError, and leaves nothing behind, when that fails or is aborted by `leaving`. */
  static async enter(
    config: CheckedEntry,
    entry: number,
    sealing: Sealing | null,
    listener: SessionListener,
    leaving: AbortSignal,
  ): Promise<Session> {
    if (leaving.aborted) throw leftMeanwhile();
    const session = new Session(entry, sealing, listener);
    const abort = () => session.abandon(leftMeanwhile());
    leaving.addEventListener("abort", abort);
    try {
      await Promise.race([session.begin(config), session.gone]);
      return session;
    } catch (error) {
      session.end();
      throw error;
    } finally {
      leaving.removeEventListener("abort", abort);
    }
  }

  /**
   * Tells what the server says, and first what it said meanwhile: it goes on from `participants`, so **call it when those were
   * taken**, or whoever came while the browser worked on the answer is never heard of.
   */
  listen(): void {
    const early = this.early ?? [];
    this.early = null;
    for (const message of early) this.said(message);
  }

  /** The peer connection's numbers. */
  statistics(): Promise<RTCStatsReport> {
    return this.connection.getStats();
  }

  /** Audio tracks to play, by place. */
  get audio(): ReadonlyArray<{ place: number; track: MediaStreamTrack }> {
    const audio = this.sections.receiving.filter(({ kind }) => kind === "audio");
    return audio.map(({ place, transceiver }) => ({ place, track: transceiver.receiver.track }));
  }

  /** Sends a custom message: sealed, or the body itself in a call without sealing. */
  async sendCustom(data: string): Promise<void> {
    await this.ask({ type: "send-custom", data });
  }

  /** What the operator has of this call. */
  async record(): Promise<OperatorRecord> {
    const { type: _type, id: _id, ...record } = await this.ask({ type: "record" });
    return record;
  }

  /** What the operator keeps of this call; null where the server does not tell. */
  async kept(): Promise<OperatorKept | null> {
    if (!this.tellsKept) return null;
    const { type: _type, id: _id, ...kept } = await this.ask({ type: "kept" });
    return kept;
  }

  /** Whether media may flow now. */
  get connected(): boolean {
    return this.connection.connectionState === "connected";
  }

  /** Tells the server something of the call that it asked for. */
  async report(report: Extract<Request, { type: "quality" | "event" | "log" }>): Promise<void> {
    await this.ask(report);
  }

  /** Leaves the room and waits, for a moment, until the server knows. */
  async leave(): Promise<void> {
    const said = this.line?.ask({ type: "leave" }).catch(() => undefined);
    await Promise.race([said, new Promise((resolve) => setTimeout(resolve, 1_000))]);
    this.end();
  }

  /** Ends at once, without a word to the server. */
  end(): void {
    if (this.over) return;
    this.over = true;
    clearTimeout(this.mending);
    this.connection.onconnectionstatechange = null;
    this.connection.close();
    this.line?.close();
    this.sealing?.post({ type: "end-entry", entry: this.entry });
  }

  private async begin(config: CheckedEntry): Promise<void> {
    const [line, sdp] = await Promise.all([this.connect(config.server), this.offer()]);
    const entered = await line.ask({
      type: "enter",
      ...this.introduction(config),
      sdp,
      sends: this.sections.sends,
    });
    this.enteredAt = performance.now();
    this.reports = entered.reports ?? undefined;
    this.tellsKept = entered.kept ?? false;
    await this.answer(entered);
    this.participants = entered.participants;
  }

  /** A line that opens when the session is over already is closed: nobody would, and over it we would still enter. */
  private async connect(server: string): Promise<SignallingLine> {
    const line = await SignallingLine.connect(server, {
      said: (message) => this.said(message),
      closed: (error) => {
        if (error) this.lose(error);
      },
    });
    this.line = line;
    if (this.over) line.close();
    return line;
  }

  private said(message: Told): void {
    // Who is put out is told at once: the line ends after it.
    if (this.early !== null && message.type !== "kicked-out") return void this.early.push(message);
    if (message.type !== "audio-slots") return this.listener.said(message);
    for (const { slot, userId } of message.slots) {
      const place = this.pictures.placeOf(slot);
      if (place !== undefined) this.listener.audioAssigned(place, userId);
    }
  }

  private introduction(config: CheckedEntry) {
    const { sdkAppId, userId, userSig, room, privateMapKey, scene, role } = config;
    return {
      version: PROTOCOL_VERSION,
      sdkAppId,
      userId,
      userSig,
      ...(room.kind === "number" ? { roomId: Number(room.id) } : { strRoomId: room.id }),
      ...(privateMapKey !== undefined && { privateMapKey }),
      ...(scene !== undefined && { scene }),
      ...(role !== undefined && { role }),
      client: { sdk: "sealroom-web", version: VERSION, os: system() },
    };
  }

  /** Makes an offer. In a sealed room there is none while any sender or receiver has no transform. */
  private async offer(): Promise<string> {
    this.transforms?.assertSealed(this.connection.getTransceivers());
    const { sdp = "" } = await this.connection.createOffer();
    await this.connection.setLocalDescription({ type: "offer", sdp });
    this.transforms?.assertSealed(this.connection.getTransceivers());
    this.sealing?.post({ type: "codecs", entry: this.entry, names: payloadTypes(sdp) });
    return sdp;
  }

  private async answer({ sdp, slots }: Pick<Signalling.Entered, "sdp" | "slots">): Promise<void> {
    await this.connection.setRemoteDescription({ type: "answer", sdp });
    this.transforms?.assertSealed(this.connection.getTransceivers());
    this.pictures.learn(slots);
  }

  /** Offers again, one after the other. */
  private negotiate(prepare: () => void): Promise<void> {
    const done = this.negotiation.then(async () => {
      prepare();
      const answered = await this.ask({ type: "offer", sdp: await this.offer() });
      await this.answer(answered);
    });
    this.negotiation = done.catch(() => undefined);
    return done;
  }

  /** More slots, once for all who want one at the same time. */
  private addSlots(): Promise<void> {
    this.growing ??= this.negotiate(() => this.sections.grow()).finally(() => {
      this.growing = undefined;
    });
    return this.growing;
  }

  private connectionChanged(): void {
    const state = this.connection.connectionState;
    clearTimeout(this.mending);
    if (state === "connected") this.restarts = 0;
    else if (state === "failed") this.restart();
    else if (state === "disconnected") this.mending = setTimeout(() => this.restart(), MEND_MS);
  }

  private restart(): void {
    if (this.restarts++ >= RESTARTS) {
      const action = "Check the network: UDP to the server may be blocked.";
      const details = { extraCode: ExtraCode.CONNECTION_BLOCKED, reason: "media_lost", action };
      return this.lose(new RtcError(ErrorCode.OPERATION_FAILED, "The media connection was lost.", details));
    }
    // The browser's own errors too: nothing would try again, and the call would stand still for good.
    this.listener.restarted();
    this.negotiate(() => this.connection.restartIce()).catch((error: unknown) => {
      this.lose(asRtcError(error, "restart"));
    });
  }

  private lose(error: RtcError): void {
    if (this.over) return;
    this.end();
    this.abandon(error);
    this.listener.lost(error);
  }
}

export function leftMeanwhile(): RtcError {
  return new RtcError(ErrorCode.OPERATION_ABORT, "The room was left while it was being entered.");
}

/** What the device runs; `platform` alone calls Android Linux. */
function system(): string {
  const { platform, userAgent } = navigator;
  return (userAgent.includes("Android") ? `Android ${platform}` : platform).slice(0, 64);
}
