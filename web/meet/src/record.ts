// SPDX-License-Identifier: Apache-2.0
// The operator's record and our own measurements, in words for people.

import type { OperatorRecord, TRTCStatistics } from "@sealroom/sdk";

type Participant = OperatorRecord["participants"][number];
type Track = Participant["tracks"][number];
type Layer = Track["layers"][number];

export interface Line {
  readonly label: string;
  readonly value: string;
}

const TRACKS: Readonly<Record<Track["track"], string>> = { audio: "Sound", main: "Camera", screen: "Screen" };
const CODECS: Readonly<Record<string, string>> = { opus: "Opus", red: "Opus with redundancy", h264: "H.264" };
const SILENCE = 127;
/** Below this a level is the noise of a quiet room. */
const AUDIBLE = 0.01;

const whole = new Intl.NumberFormat("en");
const tenth = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

export function size(bytes: number): string {
  if (bytes < 1_000) return `${bytes} bytes`;
  return bytes < 1_000_000 ? `${tenth.format(bytes / 1e3)} kB` : `${tenth.format(bytes / 1e6)} MB`;
}

export function timeOf(milliseconds: number): string {
  return new Date(milliseconds).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

const counted = (count: number, one: string): string =>
  `${whole.format(count)} ${one}${count === 1 ? "" : "s"}`;

/** The whole room in one line. */
export function summary({ since, counts, participants, more }: OperatorRecord): string {
  const parts = [
    `open since ${timeOf(since)}`,
    counted(participants.length + more, "participant"),
    `${counted(counts.forwardedPackets, "packet")} forwarded (${size(counts.forwardedBytes)})`,
  ];
  if (counts.customMessages > 0)
    parts.push(`${counted(counts.customMessages, "message")} passed on (${size(counts.customBytes)})`);
  return parts.join(", ");
}

/** What the operator has of one participant. */
export function operatorLines(participant: Participant, you: boolean): Line[] {
  const { since, address, client, tracks } = participant;
  const program = [client.sdk, client.version].filter(Boolean).join(" ");
  return [
    { label: "In the room", value: `since ${timeOf(since)}` },
    {
      label: "Network address",
      value: you ? (address ?? "not told") : "known to the operator; shown to nobody else",
    },
    { label: "Program", value: [program, client.os].filter(Boolean).join(", ") || "not told" },
    ...tracks.flatMap(trackLines),
  ];
}

function trackLines({ track, published, muted, loudness, layers, refused }: Track): Line[] {
  const label = TRACKS[track];
  const state = !published ? "not sent" : muted ? "muted" : "sent";
  const lines = [{ label, value: [state, ...layers.slice(-1).map(codecOf)].join(", ") }];
  const packets = layers.reduce((sum, layer) => sum + layer.packets, 0);
  if (packets > 0) lines.push({ label: `${label}: amount`, value: amount(layers, packets) });
  const newest = layers.flatMap(({ keyFrameAge }) => keyFrameAge ?? []);
  if (track !== "audio" && newest.length > 0)
    lines.push({
      label: `${label}: last full picture`,
      value: `${ago(Math.min(...newest))}, by its open mark`,
    });
  const sizes = layers.flatMap(({ width, height }) =>
    width === null || height === null ? [] : [{ width, height }],
  );
  const largest = sizes.sort((one, other) => other.width - one.width)[0];
  if (largest)
    lines.push({
      label: `${label}: size`,
      value: `${largest.width} × ${largest.height}, from the open begin of a full picture`,
    });
  if (loudness !== null) lines.push({ label: `${label}: loudness`, value: loudnessOf(loudness) });
  const sealed = layers.findLast(({ seal }) => seal !== null)?.seal;
  if (sealed) {
    const { epoch, step, index, firstCounter, lastCounter } = sealed;
    const numbers = `frames ${whole.format(firstCounter)} to ${whole.format(lastCounter)}`;
    lines.push({
      label: `${label}: key in use`,
      value: `number ${epoch}.${step} of member ${index}, ${numbers}`,
    });
  }
  if (refused.length > 0) {
    const reasons = refused.map(
      ({ reason, packets: count }) => `${counted(count, "packet")} ${reason.replaceAll("_", " ")}`,
    );
    lines.push({ label: `${label}: not forwarded`, value: reasons.join(", ") });
  }
  return lines;
}

function codecOf({ codec }: Layer): string {
  return CODECS[codec] ?? codec.toUpperCase();
}

function amount(layers: readonly Layer[], packets: number): string {
  const bytes = layers.reduce((sum, layer) => sum + layer.payloadBytes, 0);
  const rates = layers.flatMap(({ bitRate }) => bitRate ?? []);
  const parts = [counted(packets, "packet"), size(bytes)];
  if (layers.length > 1) parts.push(`${layers.length} sizes`);
  if (rates.length > 0) {
    const rate = rates.reduce((sum, one) => sum + one, 0);
    parts.push(`${whole.format(Math.round(rate / 1000))} kbit/s now`);
  }
  return parts.join(", ");
}

function ago(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 1) return "just now";
  return seconds < 120 ? `${seconds} s ago` : `${Math.round(seconds / 60)} min ago`;
}

/** RFC 6464: the number of decibels below the loudest. */
function loudnessOf(level: number): string {
  return level >= SILENCE ? "silence" : `−${level} dB`;
}

/** What this device makes of one participant: of ourselves as it is sent, of others as it opened. */
export function deviceLines(statistics: TRTCStatistics | null, userId: string, you: boolean): Line[] {
  const streams = you
    ? statistics?.localStatistics
    : statistics?.remoteStatistics.find((one) => one.userId === userId);
  const video = streams?.video ?? [];
  const pictureOf = (types: readonly string[]): string => {
    const shown = video.filter(({ videoType }) => types.includes(videoType));
    const largest = shown.sort((one, other) => other.width - one.width)[0];
    return largest
      ? `${largest.width} × ${largest.height}, ${counted(largest.frameRate, "picture")} a second`
      : "none";
  };
  const lines = [{ label: "Camera", value: pictureOf(["big", "small"]) }];
  const screen = pictureOf(["sub"]);
  if (screen !== "none") lines.push({ label: "Screen", value: screen });
  const level = streams?.audio.audioLevel ?? 0;
  const sound = level < AUDIBLE ? "quiet" : `level ${Math.round(level * 100)} of 100`;
  return [...lines, { label: "Sound", value: sound }];
}
