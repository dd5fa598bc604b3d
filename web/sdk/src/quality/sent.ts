// SPDX-License-Identifier: Apache-2.0
// What leaves this device, stream by stream.

import { LAYERS } from "../session/layers";
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

const LIMITS = ["none", "cpu", "bandwidth", "other"] as const;

/** Every stream of which something left. `track` says what a section sends. */
export function sentStreams(
  growth: Growth,
  track: (mid: string) => Signalling.Track | undefined,
): Signalling.SentStream[] {
  const reports = new Map(growth.ofType("remote-inbound-rtp").map((entry) => [entry.localId, entry]));
  return growth.ofType("outbound-rtp").flatMap((entry) => {
    const of = track(entry.mid ?? "");
    // A section that nothing was put into sends now and then a packet of padding.
    if (of === undefined || !growth.of(entry, "bytesSent")) return [];
    return told({
      track: of,
      layer: Math.max(
        0,
        LAYERS.findIndex(({ rid }) => rid !== undefined && rid === entry.rid),
      ),
      bitRate: whole(growth.rate(entry, "bytesSent"), MOST_RATE) ?? 0,
      packets: whole(growth.of(entry, "packetsSent"), MOST_COUNT) ?? 0,
      resent: whole(growth.of(entry, "retransmittedPacketsSent"), MOST_COUNT) ?? 0,
      ...atTheServer(growth, reports.get(entry.id)),
      ...(of === "audio" ? microphone(growth, entry) : picture(growth, entry)),
    });
  });
}

/** What the server told of it; nothing where it told nothing new. */
function atTheServer(growth: Growth, report: Entry | undefined) {
  if (report === undefined || !growth.isFresh(report)) return {};
  return {
    loss: perMille(report.fractionLost),
    rtt: milliseconds(growth.ratio(report, "totalRoundTripTime", "roundTripTimeMeasurements")),
    jitter: milliseconds(report.jitter),
  };
}

function microphone(growth: Growth, entry: Entry) {
  return { volume: whole((source(growth, entry)?.audioLevel ?? Number.NaN) * 100, 100) };
}

function picture(growth: Growth, entry: Entry) {
  const reason = LIMITS.find((one) => one === entry.qualityLimitationReason) ?? null;
  return {
    captureRate: whole(source(growth, entry)?.framesPerSecond, 1000),
    frameRate: whole(entry.framesPerSecond, 1000),
    width: whole(entry.frameWidth, MOST_PIXELS),
    height: whole(entry.frameHeight, MOST_PIXELS),
    encodeTime: milliseconds(growth.ratio(entry, "totalEncodeTime", "framesEncoded")),
    limitedBy: reason,
  };
}

/** What is sent in it. Firefox does not say; where there is but one of its kind, it is that. */
function source(growth: Growth, entry: Entry): Entry | undefined {
  if (entry.mediaSourceId !== undefined) return growth.find(entry.mediaSourceId);
  const ofKind = growth.ofType("media-source").filter(({ kind }) => kind === entry.kind);
  return ofKind.length === 1 ? ofKind[0] : undefined;
}
