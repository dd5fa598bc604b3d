// SPDX-License-Identifier: Apache-2.0
// Tells the server what it asked for of one entry, and nothing else. What it refuses, or cannot be sent, is lost: no call waits.

import type { Request } from "../session/line";
import { MIN_SAMPLE_EVERY, type Signalling } from "../wire.gen";
import type { Diary } from "./diary";

/** Between two messages with the log. The server takes one in ten seconds. */
const LOG_PAUSE_MS = 12_000;
/** What the diary holds at most is two messages with the log. */
const LAST_BATCHES = 2;
/** Samples come every two seconds; a timer is a little early or late. */
const SLACK_MS = 300;

type Send = (report: Extract<Request, { type: "quality" | "event" | "log" }>) => Promise<unknown>;

export class Reporter {
  private sampledAt = Number.NEGATIVE_INFINITY;
  private loggedAt = Number.NEGATIVE_INFINITY;
  /** One report at a time: a line that stands still does not fill up with them. Undefined while none is on its way. */
  private telling: Promise<void> | undefined;

  /** `wanted` is what the server asked for, or undefined where it knows of none. */
  constructor(
    private readonly wanted: Signalling.Reports | undefined,
    private readonly diary: Diary,
    private readonly enteredAt: number,
    private readonly send: Send,
  ) {}

  /** Sends what is due at `now`. Resolves when it was sent, whatever became of it. */
  async tell(sample: Signalling.Sample | undefined, now: number): Promise<void> {
    if (this.wanted === undefined || this.telling !== undefined) return;
    this.telling = this.sendDue(sample, now).finally(() => {
      this.telling = undefined;
    });
    await this.telling;
  }

  /** Sends what waits, because the call ends; first comes what is on its way. */
  async finish(now: number): Promise<void> {
    await this.telling;
    for (let batch = 0; batch < LAST_BATCHES; batch++) {
      this.loggedAt = Number.NEGATIVE_INFINITY;
      await this.tell(undefined, now);
    }
  }

  private async sendDue(sample: Signalling.Sample | undefined, now: number): Promise<void> {
    try {
      await this.tellSample(sample, now);
      await this.tellEvents();
      if (now - this.loggedAt >= LOG_PAUSE_MS) await this.tellLog(now);
    } catch {
      // A server that refuses a report is heard, and a line that is gone is mended elsewhere.
    }
  }

  private async tellSample(sample: Signalling.Sample | undefined, now: number): Promise<void> {
    const every = this.wanted?.sampleEvery ?? 0;
    if (sample === undefined || every === 0) return;
    if (now - this.sampledAt < Math.max(MIN_SAMPLE_EVERY, every - SLACK_MS)) return;
    this.sampledAt = now;
    await this.send({ type: "quality", sample });
  }

  private async tellEvents(): Promise<void> {
    const events = this.diary.takeEvents(this.enteredAt);
    if (events.length > 0) await this.send({ type: "event", events });
  }

  private async tellLog(now: number): Promise<void> {
    if (!this.wanted?.log) return;
    const entries = this.diary.takeLog(this.enteredAt);
    if (entries.length === 0) return;
    this.loggedAt = now;
    await this.send({ type: "log", entries });
  }
}
