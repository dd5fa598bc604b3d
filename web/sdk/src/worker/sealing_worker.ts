// SPDX-License-Identifier: Apache-2.0
// Everything that seals and opens, in one place: one of these per worker, one worker per call.

import type { FromWorker, Refusals, SealingState, ToWorker, TransformOptions } from "../sealing/port";
import type { Bytes } from "../sframe/bytes";
import { type Codec, codecOf } from "../sframe/frame";
import { AuthorityLine } from "./authority_line";
import { Counters } from "./counters";
import { SealingFault } from "./fault";
import { Membership } from "./membership";
import { type MessageListener, Messages } from "./messages";
import { Opener, type OpeningRoom, type Source } from "./opener";
import { type EncodedFrame, ReceivePipe, SendPipe, type Transformer } from "./pipes";
import type { SendingKey } from "./ring";
import { Sealer } from "./sealer";

const TICK_MS = 100;
const REPORT_EVERY_TICKS = 10;
/** How long the page may take to get a grant from its backend. */
const GRANT_PATIENCE_MS = 15_000;

type Start = Extract<ToWorker, { type: "start" }>;
type Status = Extract<FromWorker, { type: "state" }>;

/** The transforms of one entry into the room; a re-entry has new ones, and goes on with the same keys. */
interface Entry {
  codecs: Map<number, Codec>;
  sends: SendPipe[];
  receives: Map<number, ReceivePipe>;
  /** What the page bound, kept for a slot whose transform is still on its way here. */
  bindings: Map<number, Source | undefined>;
}

/** Obeys the page, serves the transforms, holds the line to the authority. */
export class SealingWorker {
  private readonly counters = new Counters();
  private readonly entries = new Map<number, Entry>();
  private readonly grants = new Map<number, (grant: string | null) => void>();
  private readonly refusals = new Map<string, Refusals>();
  private readonly counts = { sealed: 0, opened: 0, unsent: 0 };
  private waited = 0;
  private readonly messages: Messages;
  private membership: Membership | undefined;
  private line: AuthorityLine | undefined;
  private status: Status = { type: "state", state: "joining", epoch: null, step: null, fault: null };
  private rosterTold = "[[],[]]";
  private telling: Promise<void> = Promise.resolve();
  private lineAlive = false;
  private failed = false;
  private ticks = 0;
  private lastGrantId = 0;

  constructor(
    private readonly post: (message: FromWorker) => void,
    private readonly open: (url: string) => WebSocket,
    private readonly now: () => number,
  ) {
    this.messages = new Messages(this, this.room(), this.messageListener(), now);
    setInterval(() => this.tick(), TICK_MS);
  }

  /** A message of the page. */
  obey(message: ToWorker): void {
    switch (message.type) {
      case "start":
        this.start(message);
        break;
      case "grant":
        this.grants.get(message.id)?.(message.grant);
        break;
      case "bind":
        this.bind(message.entry, message.place, message.source ?? undefined);
        break;
      case "codecs":
        this.learnCodecs(message.entry, message.names);
        break;
      case "seal-message":
        void this.sealMessage(message.id, message.command, message.data);
        break;
      case "open-message":
        void this.messages.take(message.userId, message.frame);
        break;
      case "end-entry":
        this.entries.delete(message.entry);
        break;
      case "alive":
        this.post({ type: "alive", id: message.id });
        break;
      case "stop":
        this.stop();
        break;
    }
  }

  /** A transform of the page was attached. It delivers nothing until its pipe runs, and nothing when that ends. */
  serve(transformer: Transformer, options: TransformOptions): void {
    const entry = this.entry(options.entry);
    const codec = (frame: EncodedFrame): Codec | undefined => codecFor(frame, entry.codecs);
    if (options.side === "send") {
      const pipe = this.sendPipe(transformer, options, codec);
      entry.sends.push(pipe);
      pipe.run().catch(() => undefined);
      return;
    }
    const pipe = this.receivePipe(transformer, options, codec);
    pipe.opener.bind(entry.bindings.get(options.place));
    entry.receives.set(options.place, pipe);
    pipe.run().catch(() => undefined);
  }

  /** The key to seal with now; undefined while there is none, or the authority has been silent for too long. */
  async sendingKey(track: number): Promise<SendingKey | undefined> {
    if (this.failed || this.line === undefined || this.line.silent) return undefined;
    return this.membership?.sendingKey(track);
  }

  private sendPipe(
    transformer: Transformer,
    { track, entry }: Extract<TransformOptions, { side: "send" }>,
    codec: (frame: EncodedFrame) => Codec | undefined,
  ): SendPipe {
    return new SendPipe(transformer, track && new Sealer(track, this), codec, {
      counted: (outcome) => {
        this.counts[outcome === "sealed" ? "sealed" : "unsent"]++;
      },
      keyFrameWanted: () => {
        if (track === "main" || track === "screen") this.post({ type: "key-frame-wanted", entry, track });
      },
    });
  }

  private receivePipe(
    transformer: Transformer,
    { kind, place, entry }: Extract<TransformOptions, { side: "receive" }>,
    codec: (frame: EncodedFrame) => Codec | undefined,
  ): ReceivePipe {
    const opener = new Opener(kind, this.room(), this.now);
    let voice: string | undefined;
    const opened = (user: string): void => {
      this.counts.opened++;
      if (kind === "audio" && user !== voice) {
        voice = user;
        this.post({ type: "voice", entry, place, userId: user });
      }
    };
    const refused = (reason: Refusals["reason"]): void => this.countRefusal(entry, place, reason);
    const waited = (milliseconds: number): void => {
      this.waited = Math.max(this.waited, milliseconds);
    };
    return new ReceivePipe(transformer, kind, opener, codec, { opened, waited, refused }, this.now);
  }

  private messageListener(): MessageListener {
    return {
      opened: (userId, body) => this.post({ type: "message", userId, ...body }),
      refused: (reason) => this.countRefusal(0, null, reason),
    };
  }

  private async sealMessage(id: number, command: number, data: Bytes): Promise<void> {
    const sealed = await this.messages.seal(command, data).catch(() => undefined);
    this.post({ type: "message-sealed", id, frame: sealed && "frame" in sealed ? sealed.frame : null });
  }

  private countRefusal(entry: number, place: number | null, reason: Refusals["reason"]): void {
    const name = `${entry}/${place}/${reason}`;
    const count = (this.refusals.get(name)?.count ?? 0) + 1;
    this.refusals.set(name, { entry, place, reason, count });
  }

  /** The room as openers see it: nothing opens before a membership is there, or after it failed. */
  private room(): OpeningRoom {
    const membership = (): Membership | undefined => (this.failed ? undefined : this.membership);
    return {
      get you() {
        return membership()?.you;
      },
      indexOf: (user) => membership()?.indexOf(user),
      userAt: (index) => membership()?.userAt(index),
      mayPublish: (index) => membership()?.mayPublish(index) ?? false,
      find: (id) => membership()?.find(id) ?? "wait",
    };
  }

  private start({ authority, sdkAppId, userId, room }: Start): void {
    if (this.line) return;
    const subject = { sdkAppId, userId, room };
    this.membership = new Membership(subject, this.counters, this.now);
    const ports = { grant: () => this.askForGrant(), open: this.open, now: this.now };
    this.line = new AuthorityLine(authority, subject, this.membership, ports, {
      changed: () => this.changed(),
      alive: (alive, fault) => {
        this.lineAlive = alive;
        this.tellState(fault);
      },
      failed: (fault) => this.fail(fault),
    });
    this.line.run().catch(() => this.fail(new SealingFault("worker_failed").fault));
  }

  private changed(): void {
    this.tellRoster();
    this.tellState(null);
    this.maySend();
    for (const entry of this.entries.values()) {
      for (const pipe of entry.receives.values()) void pipe.retry();
    }
    void this.messages.retry();
  }

  /** There may be a key to seal with where there was none, so that what was dropped can be made good. */
  private maySend(): void {
    for (const { sends } of this.entries.values()) for (const pipe of sends) pipe.keysChanged();
  }

  /** One roster after the other, each with the words that belong to it. */
  private tellRoster(): void {
    const { membership, line } = this;
    const members = membership?.roster ?? [];
    const key = line?.authorityKey;
    const reading = key && membership ? membership.words(key) : Promise.resolve([]);
    this.telling = this.telling.then(async () => {
      const words = await reading.catch(() => []);
      const text = JSON.stringify([members, words]);
      if (text === this.rosterTold) return;
      this.rosterTold = text;
      this.post({ type: "roster", members, words });
    });
  }

  private fail(fault: Status["fault"]): void {
    this.failed = true;
    this.membership?.erase();
    this.tellState(fault);
  }

  private tellState(fault: Status["fault"]): void {
    const version = this.membership?.version;
    const told: Status = {
      type: "state",
      state: this.state(),
      epoch: version?.epoch ?? null,
      step: version?.step ?? null,
      fault,
    };
    const before = this.status;
    const same = told.state === before.state && told.epoch === before.epoch && told.step === before.step;
    if (same && (fault === null || fault.code === before.fault?.code)) return;
    this.status = told;
    this.post(told);
    if (before.state === "paused") this.maySend();
  }

  private state(): SealingState {
    if (this.failed) return "failed";
    if (this.membership?.version === undefined) return "joining";
    if (this.line?.silent) return "paused";
    return this.lineAlive ? "sealed" : "unreachable";
  }

  private tick(): void {
    for (const entry of this.entries.values()) {
      for (const pipe of entry.receives.values()) void pipe.expire();
    }
    void this.messages.expire();
    this.membership?.sweep();
    if (this.line) this.tellState(this.status.fault);
    if (++this.ticks % REPORT_EVERY_TICKS !== 0) return;
    this.post({ type: "counts", counts: { ...this.counts }, waited: Math.round(this.waited) });
    this.waited = 0;
    if (this.refusals.size > 0) this.post({ type: "refused", refusals: [...this.refusals.values()] });
    this.refusals.clear();
  }

  private async askForGrant(): Promise<string | null> {
    const id = ++this.lastGrantId;
    return new Promise((resolve) => {
      const timer = setTimeout(() => answer(null), GRANT_PATIENCE_MS);
      const answer = (grant: string | null): void => {
        clearTimeout(timer);
        this.grants.delete(id);
        resolve(grant);
      };
      this.grants.set(id, answer);
      this.post({ type: "grant-wanted", id });
    });
  }

  private bind(number: number, place: number, source: Source | undefined): void {
    const entry = this.entry(number);
    entry.bindings.set(place, source);
    const pipe = entry.receives.get(place);
    pipe?.opener.bind(source);
    void pipe?.retry();
  }

  private learnCodecs(entry: number, names: ReadonlyArray<[number, string]>): void {
    const { codecs } = this.entry(entry);
    for (const [payloadType, name] of names) {
      const codec = codecOf(name);
      if (codec) codecs.set(payloadType, codec);
    }
  }

  private stop(): void {
    this.line?.stop();
    this.membership?.erase();
    this.failed = true;
  }

  private entry(number: number): Entry {
    let entry = this.entries.get(number);
    if (entry === undefined) {
      entry = { codecs: new Map(), sends: [], receives: new Map(), bindings: new Map() };
      this.entries.set(number, entry);
    }
    return entry;
  }
}

function codecFor(frame: EncodedFrame, byPayloadType: ReadonlyMap<number, Codec>): Codec | undefined {
  const { mimeType, payloadType } = frame.getMetadata();
  if (mimeType) return codecOf(mimeType);
  return payloadType === undefined ? undefined : byPayloadType.get(payloadType);
}
