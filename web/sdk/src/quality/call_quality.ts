// SPDX-License-Identifier: Apache-2.0
// Measures one call, over all its entries: grades it for the page, and tells the server what it asked for.

import type { Emitter } from "../events";
import type { FrameCounts } from "../sealing/port";
import type { Signalling } from "../wire.gen";
import type { Diary } from "./diary";
import { NetworkQualities } from "./network_quality";
import type { Entry } from "./report";
import { Reporter } from "./reporter";
import { type Measured, Sampler, type Sections } from "./sampler";
import { DeviceWatch } from "./surroundings";

/** How long leaving may wait for the last report. */
const FINISH_MS = 300;

/** As much of a session as is measured. */
export interface MeasuredSession {
  /** On the clock of `performance.now`. */
  readonly enteredAt: number;
  /** What the server asked to be told. */
  readonly reports: Signalling.Reports | undefined;
  readonly connected: boolean;
  report: ConstructorParameters<typeof Reporter>[3];
}

export class CallQuality {
  private device: DeviceWatch | undefined;
  private readonly qualities = new NetworkQualities();
  private session: MeasuredSession | undefined;
  private sampler: Sampler | undefined;
  private reporter: Reporter | undefined;

  constructor(
    private readonly diary: Diary,
    private readonly emitter: Emitter,
  ) {}

  /** A session was entered. */
  begin(session: MeasuredSession): void {
    const { diary } = this;
    this.device ??= new DeviceWatch({
      networkChanged: (network) => diary.happened({ what: "network-changed", network }),
      visibilityChanged: (hidden) => diary.happened({ what: "visibility-changed", hidden }),
    });
    this.session = session;
    this.sampler = new Sampler(session.enteredAt);
    this.reporter = new Reporter(session.reports, this.diary, session.enteredAt, (report) =>
      session.report(report),
    );
  }

  /** The session is over; another may begin. */
  lost(): void {
    this.session = this.sampler = this.reporter = undefined;
  }

  /** Reads a report of the session. Nothing comes of the first, nor of one after a sleep. */
  measure(
    entries: readonly Entry[],
    sections: Sections,
    frames: (FrameCounts & { refused: number }) | null,
  ): Measured | undefined {
    const { session, device } = this;
    if (session === undefined || device === undefined) return undefined;
    const around = { ...device.read(), connected: session.connected, frames };
    const now = performance.now();
    const measured = this.sampler?.read(entries, now, sections, around);
    if (measured) this.emitter.emit("network-quality", this.qualities.read(measured));
    void this.reporter?.tell(measured?.sample, now);
    return measured;
  }

  /** There is no session now. */
  disconnected(): void {
    this.emitter.emit("network-quality", this.qualities.read(undefined));
  }

  /** Tells what waits, because the call ends; takes no longer than a moment. */
  async finish(): Promise<void> {
    const moment = new Promise((resolve) => setTimeout(resolve, FINISH_MS));
    await Promise.race([this.reporter?.finish(performance.now()), moment]);
  }

  /** The call is over. What of it was not told by now is nobody's: the next may be in another room, or at another server. */
  end(): void {
    this.lost();
    if (this.device) this.diary.forget();
    this.device?.stop();
    this.device = undefined;
  }
}
