// SPDX-License-Identifier: Apache-2.0
// What arrives, slot by slot. Behind the decoder: in a sealed call only what opened is in pictures and sound.

import type { Signalling } from "../wire.gen";
import {
  type Entry,
  type Growth,
  MOST_COUNT,
  MOST_PIXELS,
  MOST_RATE,
  milliseconds,
  perMille,
  told,
  whole,
} from "./report";

/** Whose stream a section should carry now. */
export interface Expected {
  readonly slot: number;
  readonly userId: string;
  readonly track: Signalling.Track;
  /** Whether something should arrive: it is published and not muted. */
  readonly flows: boolean;
}

/** What arrived in one slot, and of whom. */
export interface Arrived {
  readonly stream: Signalling.ReceivedStream;
  readonly from: Expected;
}

interface Interval {
  readonly span: number;
  readonly hidden: boolean;
  /** Not one byte came over the line. */
  readonly dead: boolean;
}

/** Reads one report after the other: what flowed before, and how much of a standing picture was told already, lies between. */
export class Reception {
  private expected = new Map<string, Expected>();
  private readonly stood = new Map<string, number>();

  read(growth: Growth, expect: (mid: string) => Expected | undefined, interval: Interval): Arrived[] {
    const before = this.expected;
    this.expected = new Map();
    return growth.ofType("inbound-rtp").flatMap((entry) => {
      const from = expect(entry.mid ?? "");
      if (from === undefined) return [];
      this.expected.set(entry.id, from);
      const steady = isSame(before.get(entry.id), from);
      if (!steady && !growth.of(entry, "packetsReceived")) return [];
      const frozen = steady ? this.frozen(growth, entry, from, interval) : {};
      return { stream: told({ ...received(growth, entry, from), ...frozen }), from };
    });
  }

  /**
   * How long it stood. Only where it was to flow from begin to end of the interval, so that neither a mute nor a change of the
   * slot is taken for a fault; never of a shared screen, which may stand still.
   */
  private frozen(growth: Growth, entry: Entry, from: Expected, interval: Interval) {
    if (from.track === "screen") return {};
    if (from.track === "audio") return silence(growth, entry, interval);
    return interval.hidden ? {} : this.standstill(growth, entry, interval.span);
  }

  /** The browser counts a freeze when it is over. One that goes on is counted here, and taken off when it is. */
  private standstill(growth: Growth, entry: Entry, span: number) {
    const decoded = growth.of(entry, "framesDecoded");
    const counted = milliseconds(growth.of(entry, "totalFreezesDuration"));
    const stood = this.stood.get(entry.id) ?? 0;
    if (decoded === 0 && (entry.framesDecoded ?? 0) > 0) {
      this.stood.set(entry.id, stood + span);
      return { freezes: 0, frozen: span };
    }
    this.stood.delete(entry.id);
    return {
      freezes: whole(growth.of(entry, "freezeCount"), MOST_COUNT),
      frozen: counted === null ? null : Math.min(span, Math.max(0, counted - stood)),
    };
  }
}

function isSame(before: Expected | undefined, now: Expected): boolean {
  return (before?.flows ?? false) && now.flows && before?.userId === now.userId && before.track === now.track;
}

function received(growth: Growth, entry: Entry, { slot, track }: Expected): Signalling.ReceivedStream {
  return {
    slot,
    bitRate: whole(growth.rate(entry, "bytesReceived"), MOST_RATE) ?? 0,
    packets: whole(growth.of(entry, "packetsReceived"), MOST_COUNT) ?? 0,
    // It falls when what counted as lost comes late.
    lost: whole(growth.of(entry, "packetsLost"), MOST_COUNT) ?? 0,
    jitter: milliseconds(entry.jitter),
    jitterBuffer: milliseconds(growth.ratio(entry, "jitterBufferDelay", "jitterBufferEmittedCount")),
    ...(track === "audio" ? sound(growth, entry) : picture(growth, entry)),
  };
}

function sound(growth: Growth, entry: Entry) {
  return {
    concealed: perMille(growth.ratio(entry, "concealedSamples", "totalSamplesReceived")),
    volume: whole((entry.audioLevel ?? Number.NaN) * 100, 100),
  };
}

function picture(growth: Growth, entry: Entry) {
  return {
    frameRate: whole(entry.framesPerSecond, 1000),
    width: whole(entry.frameWidth, MOST_PIXELS),
    height: whole(entry.frameHeight, MOST_PIXELS),
    dropped: whole(growth.of(entry, "framesDropped"), MOST_COUNT),
  };
}

/**
 * How long the sound was filled with silence. A slot in which no packet came is silent because nobody speaks in it, unless
 * nothing came over the line at all.
 */
function silence(growth: Growth, entry: Entry, { span, dead }: Interval) {
  if (dead) return { frozen: span };
  if (!growth.of(entry, "packetsReceived")) return {};
  const share = growth.ratio(entry, "silentConcealedSamples", "totalSamplesReceived");
  return { frozen: share === null ? null : Math.min(span, Math.round(share * span)) };
}
