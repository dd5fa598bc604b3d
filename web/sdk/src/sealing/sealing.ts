// SPDX-License-Identifier: Apache-2.0
// The page's side of sealing: starts the worker, hands it grants, watches that it lives. Holds no secret.

import type { HeardMessage } from "../call/custom";
import { ErrorCode, RtcError } from "../errors";
import type { Bytes } from "../sframe/bytes";
import type { Fault, FrameCounts, FromWorker, Refusals, RosterMember, SealedRoom, ToWorker } from "./port";

const READY_WITHIN_MS = 10_000;
const WATCH_EVERY_MS = 2_000;
/** So many looks without an answer mean that the worker is gone. More forgives a busy machine. */
const LOOKS_WITHOUT_ANSWER = 4;

const WORKER_FAILED: Fault = {
  code: "worker_failed",
  message: "The part of the page that seals the call failed, so the call was stopped.",
  action: "Enter the room again.",
};

/** How the caller of `enterRoom` asks for a sealed call. */
export interface SealingConfig {
  /** WebSocket address of the customer's authority. */
  readonly authority: string;
  /** Gets a fresh grant from the customer's backend; called at entry, before expiry and after a lost line. */
  readonly grant: () => Promise<string>;
}

export type SealingStatus = Extract<FromWorker, { type: "state" }>;

/** What sealing tells the call. */
export interface SealingListener {
  state(status: SealingStatus): void;
  roster(members: readonly RosterMember[], words: readonly string[]): void;
  voice(entry: number, place: number, userId: string): void;
  keyFrameWanted(entry: number, track: "main" | "screen"): void;
  refused(refusals: readonly Refusals[]): void;
  message(message: HeardMessage): void;
  /** A frame opened after it had waited for its key, for so many milliseconds. */
  waited(waited: number): void;
}

/** One worker for one call. **When it fails the call has to end; there is no way on without it.** */
export class Sealing {
  members: readonly RosterMember[] = [];
  counts: FrameCounts = { sealed: 0, opened: 0, unsent: 0 };
  status: SealingStatus = { type: "state", state: "joining", epoch: null, step: null, fault: null };
  private readonly ready: Promise<void>;
  private watch: ReturnType<typeof setInterval> | undefined;
  private readonly sealingMessages = new Map<number, (frame: string | null) => void>();
  private messages = 0;
  private unanswered = 0;
  private ended = false;

  private constructor(
    private readonly worker: Worker,
    private readonly config: SealingConfig,
    private readonly listener: SealingListener,
  ) {
    this.ready = new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(workerError("did not start")), READY_WITHIN_MS);
      worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
        if (data.type !== "ready") return this.take(data);
        clearTimeout(timer);
        resolve();
      };
      worker.onerror = (event) => {
        event.preventDefault();
        clearTimeout(timer);
        reject(workerError(event.message || "could not be loaded"));
        this.fail();
      };
      worker.onmessageerror = () => this.fail();
    });
  }

  /** Starts the worker and, in it, the line to the authority. Rejects with RtcError when the worker does not come up. */
  static async start(
    worker: Worker,
    config: SealingConfig,
    about: { sdkAppId: number; userId: string; room: SealedRoom },
    listener: SealingListener,
  ): Promise<Sealing> {
    const sealing = new Sealing(worker, config, listener);
    try {
      await sealing.ready;
    } catch (error) {
      sealing.end();
      throw error;
    }
    sealing.post({ type: "start", authority: config.authority, ...about });
    sealing.watch = setInterval(() => sealing.look(), WATCH_EVERY_MS);
    return sealing;
  }

  /** A transform that runs in our worker; see `Transforms` for when it may be attached. */
  transform(options: object): object {
    return new RTCRtpScriptTransform(this.worker, options);
  }

  post(message: ToWorker): void {
    if (!this.ended) this.worker.postMessage(message);
  }

  /** A custom message as it goes to the operator; rejects with RtcError while it cannot be sealed. */
  async sealMessage(command: number, data: Bytes): Promise<string> {
    const id = ++this.messages;
    const frame = await new Promise<string | null>((resolve) => {
      if (this.ended) return resolve(null);
      this.sealingMessages.set(id, resolve);
      this.post({ type: "seal-message", id, command, data });
    });
    if (frame !== null) return frame;
    throw new RtcError(ErrorCode.INVALID_OPERATION, "Nothing can be sealed now, so nothing is sent.", {
      reason: "no_key",
      action: "Wait until the call is sealed.",
    });
  }

  /** Hands a custom message to the worker, which tells it if it opens. */
  openMessage(userId: string, frame: string): void {
    this.post({ type: "open-message", userId, frame });
  }

  /** Ends the worker and with it every key. */
  end(): void {
    if (this.ended) return;
    this.post({ type: "stop" });
    this.ended = true;
    clearInterval(this.watch);
    this.worker.onmessage = this.worker.onerror = this.worker.onmessageerror = null;
    this.worker.terminate();
    for (const id of [...this.sealingMessages.keys()]) this.sealed(id, null);
  }

  private take(message: FromWorker): void {
    switch (message.type) {
      case "state":
        this.status = message;
        this.listener.state(message);
        break;
      case "roster":
        this.members = message.members;
        this.listener.roster(message.members, message.words);
        break;
      case "voice":
        this.listener.voice(message.entry, message.place, message.userId);
        break;
      case "key-frame-wanted":
        this.listener.keyFrameWanted(message.entry, message.track);
        break;
      case "message-sealed":
        this.sealed(message.id, message.frame);
        break;
      case "message": {
        const { userId, command: cmdId, sequence: seq, data } = message;
        this.listener.message({ userId, cmdId, seq, data: data.buffer });
        break;
      }
      case "refused":
        this.listener.refused(message.refusals);
        break;
      case "counts":
        this.counts = message.counts;
        if (message.waited > 0) this.listener.waited(message.waited);
        break;
      case "alive":
        this.unanswered = 0;
        break;
      case "grant-wanted":
        this.giveGrant(message.id);
        break;
    }
  }

  private sealed(id: number, frame: string | null): void {
    this.sealingMessages.get(id)?.(frame);
    this.sealingMessages.delete(id);
  }

  private giveGrant(id: number): void {
    Promise.resolve()
      .then(() => this.config.grant())
      .then(
        (grant) => this.post({ type: "grant", id, grant: typeof grant === "string" ? grant : null }),
        () => this.post({ type: "grant", id, grant: null }),
      );
  }

  private look(): void {
    if (this.unanswered >= LOOKS_WITHOUT_ANSWER) return this.fail();
    this.unanswered++;
    this.post({ type: "alive", id: this.unanswered });
  }

  private fail(): void {
    if (this.ended) return;
    this.end();
    this.status = { type: "state", state: "failed", epoch: null, step: null, fault: WORKER_FAILED };
    this.listener.state(this.status);
  }
}

function workerError(what: string): RtcError {
  return new RtcError(ErrorCode.OPERATION_FAILED, `The sealing worker ${what}.`, {
    reason: "worker_failed",
    action: "Check that the page may load its worker (Content-Security-Policy worker-src), and try again.",
  });
}
