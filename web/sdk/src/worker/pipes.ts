// SPDX-License-Identifier: Apache-2.0
// The way of frames through one transform. Whatever goes wrong here drops the frame; nothing passes as it came.

import type { RefusalReason } from "../sealing/port";
import type { Bytes } from "../sframe/bytes";
import type { Codec } from "../sframe/frame";
import type { Opener, Verdict } from "./opener";
import type { Sealer, Unsent } from "./sealer";

/** For how long and how many frames whose key is not here yet wait beside the pipeline. */
export const WAIT_MS = 300;
export const WAITING_FRAMES = 32;
/** A receiver asks for a key frame at most this often. */
const KEY_FRAME_PAUSE_MS = 500;

/** RTCEncodedVideoFrame or RTCEncodedAudioFrame. */
export interface EncodedFrame {
  data: ArrayBuffer;
  getMetadata(): { mimeType?: string; payloadType?: number };
}

/** What a pipe needs of an RTCRtpScriptTransformer. */
export interface Transformer {
  readonly readable: ReadableStream<EncodedFrame>;
  readonly writable: WritableStream<EncodedFrame>;
  /** Not in every browser; the page then asks the sender. */
  generateKeyFrame?(rid?: string): Promise<unknown>;
  sendKeyFrameRequest?(): Promise<unknown>;
}

/** Tells a frame's codec: by its MIME type, else by its payload type. */
export type CodecFinder = (frame: EncodedFrame) => Codec | undefined;

/** What a send pipe tells. */
export interface SendListener {
  counted(outcome: "sealed" | Unsent): void;
  /** The encoder should make a key frame, and the browser has no way to say so from here. */
  keyFrameWanted(): void;
}

/** Seals what an encoder put out. `sealer` is null for a sender that must never send. */
export class SendPipe {
  private wantsKeyFrame = false;

  constructor(
    private readonly transformer: Transformer,
    private readonly sealer: Sealer | null,
    private readonly codec: CodecFinder,
    private readonly listener: SendListener,
  ) {}

  /** Runs until the stream ends. */
  async run(): Promise<void> {
    await pump(this.transformer, async (frame, writer) => {
      const sealed = await this.seal(frame);
      if (typeof sealed === "string") {
        if (sealed === "no_key") this.wantsKeyFrame = true;
        this.listener.counted(sealed);
        return;
      }
      frame.data = sealed.buffer;
      await writer.write(frame);
      this.listener.counted("sealed");
    });
  }

  /** There may be a key now: what was dropped for want of one is made good by a key frame. */
  keysChanged(): void {
    if (!this.wantsKeyFrame || this.sealer?.track === "audio") return;
    this.wantsKeyFrame = false;
    if (this.transformer.generateKeyFrame) this.transformer.generateKeyFrame().catch(() => undefined);
    else this.listener.keyFrameWanted();
  }

  private async seal(frame: EncodedFrame): Promise<Bytes | Unsent> {
    if (this.sealer === null) return "malformed";
    try {
      return await this.sealer.seal(new Uint8Array(frame.data), this.codec(frame));
    } catch {
      return "no_key";
    }
  }
}

/** What a receive pipe tells. */
export interface ReceiveListener {
  opened(user: string): void;
  /** A frame that opened had waited for its key, for so many milliseconds. */
  waited(waited: number): void;
  refused(reason: RefusalReason): void;
}

interface Waiting {
  readonly frame: EncodedFrame;
  readonly since: number;
}

/** Opens what the network delivered for one slot. */
export class ReceivePipe {
  private waiting: Waiting[] = [];
  private turn: Promise<void> = Promise.resolve();
  private writer: WritableStreamDefaultWriter<EncodedFrame> | undefined;
  private askedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly transformer: Transformer,
    readonly kind: "audio" | "video",
    readonly opener: Opener,
    private readonly codec: CodecFinder,
    private readonly listener: ReceiveListener,
    private readonly now: () => number,
  ) {}

  /** Runs until the stream ends. */
  async run(): Promise<void> {
    await pump(this.transformer, (frame, writer) => {
      this.writer = writer;
      return this.inTurn(() => this.take({ frame, since: this.now() }));
    });
  }

  /** Keys, roster or binding changed: what waits is tried again, in the order it came. */
  retry(): Promise<void> {
    return this.inTurn(async () => {
      for (const one of this.waiting.splice(0)) {
        if (await this.take(one)) this.listener.waited(this.now() - one.since);
      }
    });
  }

  /** Refuses what has waited too long. Call it often enough for `WAIT_MS` to mean something. */
  expire(): Promise<void> {
    const due = this.now() - WAIT_MS;
    return this.waiting.some((one) => one.since <= due) ? this.retry() : Promise.resolve();
  }

  /** Whether the frame opened. */
  private async take(one: Waiting): Promise<boolean> {
    const verdict = await this.judge(one.frame);
    switch (verdict.is) {
      case "opened":
        one.frame.data = verdict.body.buffer;
        await this.writer?.write(one.frame);
        this.listener.opened(verdict.user);
        return true;
      case "wait":
        if (one.since > this.now() - WAIT_MS && this.waiting.length < WAITING_FRAMES) this.waiting.push(one);
        else this.refuse(verdict.reason);
        return false;
      case "refused":
        this.refuse(verdict.reason);
        return false;
      case "stale":
        return false;
    }
  }

  private async judge(frame: EncodedFrame): Promise<Verdict> {
    try {
      return await this.opener.open(new Uint8Array(frame.data), this.codec(frame));
    } catch {
      return { is: "refused", reason: "malformed" };
    }
  }

  private refuse(reason: RefusalReason): void {
    this.listener.refused(reason);
    const missing = reason === "no_key" || reason === "old_epoch";
    if (!missing || this.kind === "audio" || this.now() - this.askedAt < KEY_FRAME_PAUSE_MS) return;
    this.askedAt = this.now();
    this.transformer.sendKeyFrameRequest?.().catch(() => undefined);
  }

  private inTurn(work: () => Promise<unknown>): Promise<void> {
    this.turn = this.turn.then(work).then(
      () => undefined,
      () => undefined,
    );
    return this.turn;
  }
}

async function pump(
  { readable, writable }: Transformer,
  take: (frame: EncodedFrame, writer: WritableStreamDefaultWriter<EncodedFrame>) => Promise<void>,
): Promise<void> {
  const reader = readable.getReader();
  const writer = writable.getWriter();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    await take(value, writer);
  }
}
