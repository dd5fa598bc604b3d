// SPDX-License-Identifier: Apache-2.0
// What each stream measures, in trtc-sdk-v5's terms. Behind the decoder: in a sealed call only what opened is in it.

import type { AudioStatistics, RemoteStatistics, TRTCStatistics, VideoStatistics } from "../events";
import type { Arrived } from "../quality/received";
import type { Entry } from "../quality/report";
import type { Signalling } from "../wire.gen";

/** Whose stream arrives in a section; undefined where nobody's does. */
export type SourceFinder = (mid: string) => { userId: string; track: Signalling.Track } | undefined;
/** Which track of ours a section sends. */
export type SendFinder = (mid: string) => Signalling.Track | undefined;

type Streams = Pick<TRTCStatistics, "localStatistics" | "remoteStatistics">;

/** Reads one report after the other, for bit rates lie between two. */
export class StreamReader {
  private before = new Map<string, { bytes: number; timestamp: number }>();

  read(entries: readonly Entry[], source: SourceFinder, send: SendFinder): Streams {
    const rates = this.rates(entries);
    const rate = (entry: Entry): number => rates.get(entry.id) ?? 0;
    return {
      localStatistics: local(entries, send, rate),
      remoteStatistics: remote(entries, source, rate),
    };
  }

  /** Kilobits a second since the report before, by entry. */
  private rates(entries: readonly Entry[]): Map<string, number> {
    const { before } = this;
    const rates = new Map<string, number>();
    this.before = new Map();
    for (const { id, timestamp, bytesSent, bytesReceived } of entries) {
      const bytes = bytesSent ?? bytesReceived;
      if (bytes === undefined) continue;
      this.before.set(id, { bytes, timestamp });
      const last = before.get(id);
      if (last === undefined || timestamp <= last.timestamp) continue;
      rates.set(id, Math.max(0, Math.round(((bytes - last.bytes) * 8) / (timestamp - last.timestamp))));
    }
    return rates;
  }
}

/** The same with what each stream waits in the buffer, as the sample of the interval says. */
export function withBuffers(
  remotes: readonly RemoteStatistics[],
  arrived: readonly Arrived[],
): RemoteStatistics[] {
  const waits = new Map(
    arrived.map(({ stream, from }) => [`${from.userId}/${from.track}`, stream.jitterBuffer]),
  );
  const wait = (userId: string, track: Signalling.Track): { jitterBufferDelay?: number } => {
    const jitterBufferDelay = waits.get(`${userId}/${track}`) ?? undefined;
    return jitterBufferDelay === undefined ? {} : { jitterBufferDelay };
  };
  return remotes.map(({ userId, audio, video }) => ({
    userId,
    audio: { ...audio, ...wait(userId, "audio") },
    video: video.map((one) => ({ ...one, ...wait(userId, one.videoType === "sub" ? "screen" : "main") })),
  }));
}

function local(entries: readonly Entry[], send: SendFinder, rate: (entry: Entry) => number) {
  const sending = entries.filter(({ type }) => type === "outbound-rtp");
  const audio = sending.find(({ mid = "" }) => send(mid) === "audio");
  const microphone = entries.find(({ id }) => id === audio?.mediaSourceId);
  const video = sending.flatMap((entry) => {
    const track = send(entry.mid ?? "");
    return track === undefined || track === "audio" ? [] : videoOf(entry, track, rate(entry));
  });
  return { audio: audioOf(microphone, audio ? rate(audio) : 0), video: withSmall(video) };
}

function remote(
  entries: readonly Entry[],
  source: SourceFinder,
  rate: (entry: Entry) => number,
): RemoteStatistics[] {
  const users = new Map<string, { audio: AudioStatistics; video: VideoStatistics[] }>();
  for (const entry of entries) {
    const from = entry.type === "inbound-rtp" ? source(entry.mid ?? "") : undefined;
    if (from === undefined) continue;
    const user = users.get(from.userId) ?? { audio: audioOf(undefined, 0), video: [] };
    users.set(from.userId, user);
    if (from.track === "audio") user.audio = audioOf(entry, rate(entry));
    else user.video.push(...videoOf(entry, from.track, rate(entry)));
  }
  return [...users].map(([userId, { audio, video }]) => ({ userId, audio, video }));
}

function audioOf(entry: Entry | undefined, bitrate: number): AudioStatistics {
  return { bitrate, audioLevel: entry?.audioLevel ?? 0 };
}

/** A stream of which no picture was made yet has no statistics. */
function videoOf(
  { frameWidth = 0, frameHeight = 0, framesPerSecond = 0 }: Entry,
  track: "main" | "screen",
  bitrate: number,
): VideoStatistics[] {
  if (frameWidth === 0 || frameHeight === 0) return [];
  const videoType = track === "screen" ? "sub" : "big";
  return [
    { width: frameWidth, height: frameHeight, frameRate: Math.round(framesPerSecond), bitrate, videoType },
  ];
}

/** Of the camera's layers the largest is `big`, the others are `small`. */
function withSmall(video: readonly VideoStatistics[]): VideoStatistics[] {
  const largest = Math.max(...video.filter(({ videoType }) => videoType === "big").map(({ width }) => width));
  return video.map((one) =>
    one.videoType === "big" && one.width < largest ? { ...one, videoType: "small" } : one,
  );
}
