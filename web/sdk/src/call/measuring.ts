// SPDX-License-Identifier: Apache-2.0
// What a call measures of itself: for the page, and for the server that asked.

import type { Emitter } from "../events";
import type { Speakers } from "../media/player";
import { CallQuality } from "../quality/call_quality";
import type { Diary } from "../quality/diary";
import type { Expected } from "../quality/received";
import { type Entry, entriesOf } from "../quality/report";
import type { Measured, Sections } from "../quality/sampler";
import type { FrameCounts } from "../sealing/port";
import type { Carried, Receives } from "../session/pictures";
import type { Session } from "../session/session";
import type { Signalling } from "../wire.gen";
import type { Participants } from "./participants";
import { lately, loudness, summarise } from "./statistics";
import { StreamReader, withBuffers } from "./streams";

/** What is measured of a call. */
export interface MeasuredCall {
  readonly speakers: Speakers;
  readonly participants: Participants;
  /** The session of now, if there is one. */
  session(): Session | undefined;
  /** What the sealing worker counted, and by reason what it refused; null in a call that is not sealed. */
  frames(): { counts: FrameCounts; refused: ReadonlyMap<string, number> } | null;
}

export class Measuring {
  readonly quality: CallQuality;
  private readonly streams = new StreamReader();

  constructor(
    private readonly call: MeasuredCall,
    private readonly emitter: Emitter,
    diary: Diary,
  ) {
    this.quality = new CallQuality(diary, emitter);
  }

  /** A session was entered: its first report is what the first interval begins with. */
  begin(session: Session): void {
    this.quality.begin(session);
    this.measureFirst(session).catch(() => undefined);
  }

  private async measureFirst(session: Session): Promise<void> {
    const entries = entriesOf(await session.statistics());
    if (session === this.call.session()) this.measure(entries, session.pictures.carries());
  }

  /** Measures once: emits `network-quality` and `statistics`, and tells the server what it asked for. */
  async tellStatistics(): Promise<void> {
    const session = this.call.session();
    if (session === undefined) return this.quality.disconnected();
    const entries = entriesOf(await session.statistics());
    if (session !== this.call.session()) return;
    const carried = session.pictures.carries();
    const measured = this.measure(entries, carried);
    const streams = this.streams.read(
      entries,
      (mid) => this.sourceIn(carried.received.get(mid)),
      (mid) => carried.sent.get(mid),
    );
    const frames = this.call.frames();
    this.emitter.emit("statistics", {
      ...summarise(entries),
      ...lately(measured),
      localStatistics: streams.localStatistics,
      remoteStatistics: withBuffers(streams.remoteStatistics, measured?.arrived ?? []),
      sealing: frames && { ...frames.counts, refused: Object.fromEntries(frames.refused) },
    });
  }

  /** Emits `audio-volume` once. */
  async tellVolumes(): Promise<void> {
    const report = await this.call.session()?.statistics();
    const session = this.call.session();
    if (report === undefined || session === undefined) return;
    const levels = loudness(report);
    const result = session.audio.flatMap(({ place, track }) => {
      const userId = this.call.speakers.userAt(place);
      return userId === undefined ? [] : [volume(userId, levels.get(track.id) ?? 0)];
    });
    this.emitter.emit("audio-volume", { result: [volume("", levels.get("") ?? 0), ...result] });
  }

  private measure(entries: readonly Entry[], { sent, received }: Carried): Measured | undefined {
    const frames = this.call.frames();
    const refused = [...(frames?.refused.values() ?? [])].reduce((sum, count) => sum + count, 0);
    const sections: Sections = {
      sent: (mid) => sent.get(mid),
      expected: (mid) => this.expectedIn(received.get(mid)),
    };
    return this.quality.measure(entries, sections, frames && { ...frames.counts, refused });
  }

  /** Whose stream arrives in a section: whom we bound there, or whose voice opens in it. */
  private sourceIn(section: Receives | undefined): { userId: string; track: Signalling.Track } | undefined {
    if (section === undefined) return undefined;
    const userId = this.call.speakers.userAt(section.place);
    return section.video ?? (userId === undefined ? undefined : { userId, track: "audio" });
  }

  private expectedIn(section: Receives | undefined): Expected | undefined {
    const source = this.sourceIn(section);
    if (source === undefined || section?.slot === undefined) return undefined;
    const { userId, track } = source;
    return { slot: section.slot, userId, track, flows: this.call.participants.available(userId, track) };
  }
}

function volume(userId: string, level: number): { userId: string; volume: number; floatVolume: number } {
  return { userId, volume: Math.round(level * 100), floatVolume: level };
}
