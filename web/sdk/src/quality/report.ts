// SPDX-License-Identifier: Apache-2.0
// A statistics report of the browser, as much of it as is read, and what grew between two of them.

/** One entry of a report (W3C webrtc-stats). What a browser does not give is not there. */
export interface Entry {
  readonly id: string;
  readonly type: string;
  readonly timestamp: number;
  readonly kind?: "audio" | "video";
  readonly mid?: string;
  readonly rid?: string;
  readonly mediaSourceId?: string;
  readonly localId?: string;
  readonly localCandidateId?: string;
  readonly selectedCandidatePairId?: string;
  readonly networkType?: string;
  readonly nominated?: boolean;
  readonly selected?: boolean;
  readonly trackIdentifier?: string;
  readonly currentRoundTripTime?: number;
  readonly audioLevel?: number;
  readonly availableOutgoingBitrate?: number;
  readonly bytesReceived?: number;
  readonly bytesSent?: number;
  readonly concealedSamples?: number;
  readonly fractionLost?: number;
  readonly frameHeight?: number;
  readonly frameWidth?: number;
  readonly framesDecoded?: number;
  readonly framesDropped?: number;
  readonly framesEncoded?: number;
  readonly framesPerSecond?: number;
  readonly freezeCount?: number;
  readonly jitter?: number;
  readonly jitterBufferDelay?: number;
  readonly jitterBufferEmittedCount?: number;
  readonly packetsLost?: number;
  readonly packetsReceived?: number;
  readonly packetsSent?: number;
  readonly qualityLimitationReason?: string;
  readonly responsesReceived?: number;
  readonly retransmittedPacketsSent?: number;
  readonly roundTripTimeMeasurements?: number;
  readonly silentConcealedSamples?: number;
  readonly totalEncodeTime?: number;
  readonly totalFreezesDuration?: number;
  readonly totalRoundTripTime?: number;
  readonly totalSamplesReceived?: number;
}

/** The entries of a report, made once: each is fetched from the browser. */
export function entriesOf(report: RTCStatsReport): readonly Entry[] {
  return [...(report as unknown as ReadonlyMap<string, Entry>).values()];
}

type Counter = {
  [K in keyof Entry]-?: NonNullable<Entry[K]> extends number ? K : never;
}[keyof Entry];

/** A report beside the one before it, by entry. */
export class Growth {
  private readonly byId: ReadonlyMap<string, Entry>;

  constructor(
    readonly entries: readonly Entry[],
    private readonly before: ReadonlyMap<string, Entry>,
  ) {
    this.byId = new Map(entries.map((entry) => [entry.id, entry]));
  }

  /** For the report after this one. */
  get known(): ReadonlyMap<string, Entry> {
    return this.byId;
  }

  ofType(type: string): readonly Entry[] {
    return this.entries.filter((entry) => entry.type === type);
  }

  find(id: string | undefined): Entry | undefined {
    return id === undefined ? undefined : this.byId.get(id);
  }

  /** By how much a counter grew; null where it was not there both times, or began anew. */
  of(entry: Entry | undefined, counter: Counter): number | null {
    const now = entry?.[counter];
    const last = entry && this.before.get(entry.id)?.[counter];
    return now === undefined || last === undefined || now < last ? null : now - last;
  }

  /** The growth of one counter for each unit that another grew by; null where neither says. */
  ratio(entry: Entry | undefined, counter: Counter, each: Counter): number | null {
    const [sum, count] = [this.of(entry, counter), this.of(entry, each)];
    return sum === null || count === null || count <= 0 ? null : sum / count;
  }

  /** Whether an entry was made anew since the report before. */
  isFresh(entry: Entry): boolean {
    const last = this.before.get(entry.id);
    return last === undefined || entry.timestamp > last.timestamp;
  }

  /** Bits a second. */
  rate(entry: Entry | undefined, counter: "bytesSent" | "bytesReceived"): number | null {
    const bytes = this.of(entry, counter);
    const span = this.of(entry, "timestamp");
    return bytes === null || !span ? null : Math.round((bytes * 8_000) / span);
  }
}

/** A whole number no less than 0; null where there is none. */
export function whole(value: number | null | undefined, most: number): number | null {
  if (value === null || value === undefined || !Number.isFinite(value)) return null;
  return Math.min(most, Math.max(0, Math.round(value)));
}

export const milliseconds = (seconds: number | null | undefined): number | null =>
  seconds === null || seconds === undefined ? null : whole(seconds * 1000, 3_600_000);

/** A share between 0 and 1 as 0 to 1,000. */
export const perMille = (share: number | null | undefined): number | null =>
  share === null || share === undefined ? null : whole(share * 1000, 1000);

export const MOST_COUNT = 2 ** 32 - 1;
export const MOST_RATE = 10_000_000_000;
export const MOST_PIXELS = 2 ** 15;

/** The fields that say something: null is what the browser does not tell, and is not sent. */
export function told<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null)) as T;
}
