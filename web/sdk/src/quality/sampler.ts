// SPDX-License-Identifier: Apache-2.0
// From one statistics report to the next: a sample of what lies between. Pure: report, time and surroundings are arguments.

import type { FrameCounts } from "../sealing/port";
import type { Signalling } from "../wire.gen";
import { type Arrived, type Expected, Reception } from "./received";
import { type Entry, Growth, MOST_COUNT, MOST_RATE, milliseconds, perMille, told, whole } from "./report";
import { sentStreams } from "./sent";

/** An interval that took longer was not measured: the page or the machine slept. */
const LONGEST_MS = 10_000;
const SHORTEST_MS = 500;
const MOST_SENT = 9;

/** What the browser tells beside its report. */
export interface Surroundings {
  readonly connected: boolean;
  /** Whether the page was in the back at any time since the report before. */
  readonly hidden: boolean;
  readonly cpu: Signalling.Pressure | null;
  /** MiB. */
  readonly memory: number | null;
  readonly network: Signalling.Network | null;
  /** Null in a call that is not sealed. `refused` since entry, too. */
  readonly frames: (FrameCounts & { readonly refused: number }) | null;
}

/** What the sections of the connection carry. */
export interface Sections {
  sent(mid: string): Signalling.Track | undefined;
  expected(mid: string): Expected | undefined;
}

/** A sample, and whose stream each of its received ones is. */
export interface Measured {
  readonly sample: Signalling.Sample;
  readonly arrived: readonly Arrived[];
}

/** Reads the reports of one connection. */
export class Sampler {
  private known: ReadonlyMap<string, Entry> = new Map();
  private readonly reception = new Reception();
  private frames: Surroundings["frames"] = null;
  private measuredAt: number | undefined;

  /** `enteredAt` on the clock that `read` gets: milliseconds, monotonic. */
  constructor(private readonly enteredAt: number) {}

  /** What was measured since the report before; undefined for the first, and after a sleep. */
  read(
    entries: readonly Entry[],
    now: number,
    sections: Sections,
    around: Surroundings,
  ): Measured | undefined {
    const growth = new Growth(entries, this.known);
    const span = Math.round(now - (this.measuredAt ?? Number.NEGATIVE_INFINITY));
    if (span < SHORTEST_MS) return undefined;
    const measured = this.interval(growth, span, now, sections, around);
    this.known = growth.known;
    this.frames = around.frames;
    this.measuredAt = now;
    return span <= LONGEST_MS ? measured : undefined;
  }

  private interval(
    growth: Growth,
    span: number,
    now: number,
    sections: Sections,
    around: Surroundings,
  ): Measured {
    const { connected, hidden, cpu, memory, network } = around;
    const line = lineOf(growth);
    const dead = growth.of(line.bytes, "bytesReceived") === 0;
    const sent = sentStreams(growth, sections.sent).slice(0, MOST_SENT);
    const expect = (mid: string): Expected | undefined => sections.expected(mid);
    const arrived = this.reception.read(growth, expect, { span, hidden, dead });
    const received = arrived.map(({ stream }) => stream);
    const sample = told({
      at: Math.max(0, Math.round(now - this.enteredAt)),
      span,
      hidden,
      connected,
      rtt: roundTrip(growth, line.pair),
      upLoss: upLoss(sent),
      downLoss: downLoss(received),
      upRate: whole(growth.rate(line.bytes, "bytesSent"), MOST_RATE),
      downRate: whole(growth.rate(line.bytes, "bytesReceived"), MOST_RATE),
      availableUp: whole(line.pair?.availableOutgoingBitrate, MOST_RATE),
      cpu,
      memory,
      network: network ?? networkOf(growth.find(line.pair?.localCandidateId)?.networkType),
      sealing: sealedFrames(this.frames, around.frames),
      sent,
      received,
    });
    return { sample, arrived };
  }
}

/** The pair of addresses that is used; its bytes stand with the transport in some browsers, and with the pair in others. */
function lineOf(growth: Growth): { pair: Entry | undefined; bytes: Entry | undefined } {
  const [transport] = growth.ofType("transport");
  const pairs = growth.ofType("candidate-pair");
  const pair =
    growth.find(transport?.selectedCandidatePairId) ??
    pairs.find(({ selected }) => selected) ??
    pairs.find(({ nominated }) => nominated);
  return { pair, bytes: transport?.bytesSent === undefined ? pair : transport };
}

/** By the checks of the connection where some were answered, else by what the server's reports say of ours. */
function roundTrip(growth: Growth, pair: Entry | undefined): number | null {
  const checked = milliseconds(growth.ratio(pair, "totalRoundTripTime", "responsesReceived"));
  // Firefox counts them in whole milliseconds, and none often.
  if (checked) return checked;
  let [sum, count] = [0, 0];
  for (const report of growth.ofType("remote-inbound-rtp")) {
    sum += growth.of(report, "totalRoundTripTime") ?? 0;
    count += growth.of(report, "roundTripTimeMeasurements") ?? 0;
  }
  return count > 0 ? milliseconds(sum / count) : checked;
}

/** Each stream counts by its packets. */
function upLoss(sent: readonly Signalling.SentStream[]): number | null {
  let [lost, packets] = [0, 0];
  for (const { loss, packets: count = 0 } of sent) {
    if (loss === undefined || loss === null) continue;
    lost += loss * count;
    packets += count;
  }
  return packets > 0 ? whole(lost / packets, 1000) : null;
}

export function downLoss(received: readonly Signalling.ReceivedStream[]): number | null {
  let [gone, all] = [0, 0];
  for (const { packets = 0, lost = 0 } of received) {
    gone += lost;
    all += lost + packets;
  }
  return all > 0 ? perMille(gone / all) : null;
}

function networkOf(type: string | undefined): Signalling.Network | null {
  switch (type) {
    case "ethernet":
      return "wired";
    case "wifi":
    case "cellular":
    case "vpn":
      return type;
    default:
      return null;
  }
}

function sealedFrames(
  before: Surroundings["frames"],
  now: Surroundings["frames"],
): Signalling.SealedFrames | null {
  if (before === null || now === null) return null;
  const grown = (name: "sealed" | "opened" | "unsent" | "refused"): number =>
    whole(now[name] - before[name], MOST_COUNT) ?? 0;
  return {
    sealed: grown("sealed"),
    opened: grown("opened"),
    unsent: grown("unsent"),
    refused: grown("refused"),
  };
}
