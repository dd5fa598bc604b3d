// SPDX-License-Identifier: Apache-2.0
// What the peer connection counts, in trtc-sdk-v5's terms.

import type { TRTCStatistics } from "../events";
import type { Entry } from "../quality/report";
import type { Measured } from "../quality/sampler";

type Sums = Omit<TRTCStatistics, "sealing" | "localStatistics" | "remoteStatistics">;

/** Sums of one report; losses in percent since the start. */
export function summarise(entries: readonly Entry[]): Sums {
  const sums: Sums = { rtt: 0, upLoss: 0, downLoss: 0, bytesSent: 0, bytesReceived: 0 };
  let lost = 0;
  let received = 0;
  for (const entry of entries) {
    if (entry.type === "candidate-pair" && entry.nominated) {
      sums.rtt = Math.round((entry.currentRoundTripTime ?? 0) * 1000);
      sums.bytesSent += entry.bytesSent ?? 0;
      sums.bytesReceived += entry.bytesReceived ?? 0;
    } else if (entry.type === "inbound-rtp") {
      lost += Math.max(0, entry.packetsLost ?? 0);
      received += entry.packetsReceived ?? 0;
    } else if (entry.type === "remote-inbound-rtp") {
      sums.upLoss = Math.max(sums.upLoss, Math.round((entry.fractionLost ?? 0) * 100));
    }
  }
  sums.downLoss = lost + received > 0 ? Math.round((100 * lost) / (lost + received)) : 0;
  return sums;
}

/** What the last interval says better than the whole call. */
export function lately(measured: Measured | undefined) {
  if (measured === undefined) return {};
  const { rtt, upLoss, downLoss } = measured.sample;
  return {
    ...(rtt !== undefined && rtt !== null && { rtt }),
    upLoss: (upLoss ?? 0) / 10,
    downLoss: (downLoss ?? 0) / 10,
  };
}

/**
 * Loudness 0 to 1 of every received audio track, by track id, and of our own under the empty name. It is measured after the
 * decoder, so that in a sealed call only audio that opened is in it.
 */
export function loudness(report: RTCStatsReport): Map<string, number> {
  const levels = new Map<string, number>();
  report.forEach((entry: Entry) => {
    if (entry.kind !== "audio") return;
    if (entry.type === "inbound-rtp") levels.set(entry.trackIdentifier ?? "", entry.audioLevel ?? 0);
    if (entry.type === "media-source") levels.set("", entry.audioLevel ?? 0);
  });
  return levels;
}
