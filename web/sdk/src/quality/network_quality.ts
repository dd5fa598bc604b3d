// SPDX-License-Identifier: Apache-2.0
// From a sample to `network-quality`: our own way up and down, and what of each participant arrives.

import type { NetworkQuality, RemoteNetworkQuality } from "../events";
import type { Signalling } from "../wire.gen";
import { Grading } from "./grade";
import type { Arrived } from "./received";
import { downLoss, type Measured } from "./sampler";

const NOTHING_KNOWN = { loss: null, rtt: null, jitter: null, stutter: null };

/** Grades one call, from interval to interval. */
export class NetworkQualities {
  private readonly up = new Grading();
  private readonly down = new Grading();
  private remotes = new Map<string, Grading>();

  /** `measured` is undefined while there is no connection. */
  read(measured: Measured | undefined): NetworkQuality {
    if (measured === undefined) return this.disconnected();
    const { sample, arrived } = measured;
    const { rtt = null, upLoss = null, connected = true, sent = [] } = sample;
    const down = sample.downLoss ?? null;
    const up = { connected, rtt, loss: percent(upLoss), jitter: ofAudio(sent), stutter: null };
    const audio = arrived.filter(({ from }) => from.track === "audio").map(({ stream }) => stream);
    const way = { connected, rtt, loss: percent(down), jitter: average(audio, "jitter"), stutter: null };
    return {
      uplinkNetworkQuality: this.up.next(up),
      downlinkNetworkQuality: this.down.next(way),
      uplinkRTT: rtt ?? 0,
      uplinkLoss: percent(upLoss) ?? 0,
      downlinkRTT: rtt ?? 0,
      downlinkLoss: percent(down) ?? 0,
      remotes: this.readRemotes(sample, arrived),
    };
  }

  private disconnected(): NetworkQuality {
    const gone = { connected: false, ...NOTHING_KNOWN };
    this.remotes.clear();
    return {
      uplinkNetworkQuality: this.up.next(gone),
      downlinkNetworkQuality: this.down.next(gone),
      uplinkRTT: 0,
      uplinkLoss: 0,
      downlinkRTT: 0,
      downlinkLoss: 0,
      remotes: [],
    };
  }

  private readRemotes(sample: Signalling.Sample, arrived: readonly Arrived[]): RemoteNetworkQuality[] {
    const users = new Set(arrived.map(({ from }) => from.userId));
    const before = this.remotes;
    this.remotes = new Map();
    return [...users].map((userId) => {
      const grading = before.get(userId) ?? new Grading();
      this.remotes.set(userId, grading);
      const of = arrived.filter(({ from }) => from.userId === userId);
      return remote(grading, userId, sample, of);
    });
  }
}

function remote(
  grading: Grading,
  userId: string,
  { rtt = null, connected = true, span }: Signalling.Sample,
  of: readonly Arrived[],
): RemoteNetworkQuality {
  const streams = of.map(({ stream }) => stream);
  const audio = of.filter(({ from }) => from.track === "audio").map(({ stream }) => stream);
  const loss = percent(downLoss(streams));
  const stood = streams.flatMap(({ frozen }) => frozen ?? []);
  const stutter = stood.length > 0 ? Math.max(...stood) / span : null;
  const buffered = Math.max(0, ...streams.map(({ jitterBuffer }) => jitterBuffer ?? 0));
  return {
    userId,
    networkQuality: grading.next({ connected, loss, rtt, jitter: average(audio, "jitter"), stutter }),
    loss: loss ?? 0,
    delay: Math.round((rtt ?? 0) / 2 + buffered),
  };
}

/** That of pictures grows with the bursts of their encoder, and tells nothing of the network. */
function ofAudio(sent: readonly Signalling.SentStream[]): number | null {
  return sent.find(({ track }) => track === "audio")?.jitter ?? null;
}

function average(streams: readonly Signalling.ReceivedStream[], field: "jitter"): number | null {
  const found = streams.flatMap((stream) => stream[field] ?? []);
  return found.length === 0 ? null : found.reduce((sum, value) => sum + value, 0) / found.length;
}

function percent(mille: number | null): number | null {
  return mille === null ? null : mille / 10;
}
