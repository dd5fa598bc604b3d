// SPDX-License-Identifier: Apache-2.0
// Custom messages, sealed as frames of the track `data`: protocol/sealing.md section 10.

import type { RefusalReason } from "../sealing/port";
import { type Bytes, fromB64u, toB64u } from "../sframe/bytes";
import { type CustomBody, readCustom, Sequences, writeCustom } from "../sframe/custom";
import { Opener, type OpeningRoom, type Verdict } from "./opener";
import { WAIT_MS, WAITING_FRAMES } from "./pipes";
import { Sealer, type SendingKeys, type Unsent } from "./sealer";

export interface MessageListener {
  opened(user: string, body: CustomBody): void;
  refused(reason: RefusalReason): void;
}

interface Waiting {
  /** Of whom the operator says it is. */
  readonly user: string;
  readonly frame: Bytes;
  readonly since: number;
}

/** Seals what the page sends and opens what it was sent, each one after the other. */
export class Messages {
  private readonly sealer: Sealer;
  private readonly sequences = new Sequences();
  private waiting: Waiting[] = [];
  private sealing: Promise<unknown> = Promise.resolve();
  private opening: Promise<void> = Promise.resolve();

  constructor(
    keys: SendingKeys,
    private readonly room: OpeningRoom,
    private readonly listener: MessageListener,
    private readonly now: () => number,
  ) {
    this.sealer = new Sealer("data", keys);
  }

  /** The sealed message in base64url, or why there is none. */
  seal(command: number, data: Bytes): Promise<{ frame: string } | { unsent: Unsent }> {
    const sealed = this.sealing.then(async () => {
      const body = writeCustom({ command, sequence: this.sequences.next(command), data });
      const frame = await this.sealer.seal(body, "data");
      if (typeof frame === "string") return { unsent: frame };
      this.sequences.sent(command);
      return { frame: toB64u(frame) };
    });
    this.sealing = sealed.catch(() => undefined);
    return sealed;
  }

  /** Takes a message that the operator says is of `user`. */
  take(user: string, text: string): Promise<void> {
    let frame: Bytes;
    try {
      frame = fromB64u(text);
    } catch {
      this.listener.refused("malformed");
      return this.opening;
    }
    return this.inTurn(() => this.judge({ user, frame, since: this.now() }));
  }

  /** Keys or roster changed: what waits is tried again, in the order it came. */
  retry(): Promise<void> {
    return this.inTurn(async () => {
      for (const one of this.waiting.splice(0)) await this.judge(one);
    });
  }

  /** Refuses what has waited too long. */
  expire(): Promise<void> {
    const due = this.now() - WAIT_MS;
    return this.waiting.some((one) => one.since <= due) ? this.retry() : this.opening;
  }

  private async judge(one: Waiting): Promise<void> {
    const verdict = await this.open(one).catch((): Verdict => ({ is: "refused", reason: "malformed" }));
    if (verdict.is === "opened") {
      const body = readCustom(verdict.body);
      if (body) this.listener.opened(one.user, body);
      else this.listener.refused("malformed");
    } else if (
      verdict.is === "wait" &&
      one.since > this.now() - WAIT_MS &&
      this.waiting.length < WAITING_FRAMES
    ) {
      this.waiting.push(one);
    } else this.listener.refused(verdict.is === "stale" ? "wrong_sender" : verdict.reason);
  }

  /** As a slot that is bound to whom the operator names: what another has sealed does not open in it. */
  private async open({ user, frame }: Waiting): Promise<Verdict> {
    const opener = new Opener("video", this.room, this.now);
    opener.bind({ user, track: "data" });
    return opener.open(frame, "data");
  }

  private inTurn(work: () => Promise<void>): Promise<void> {
    this.opening = this.opening.then(work).catch(() => undefined);
    return this.opening;
  }
}
