// SPDX-License-Identifier: Apache-2.0
// The receiving half of a session: whose picture arrives in which section, and what the sealing worker is told of it.

import { ErrorCode, RtcError } from "../errors";
import type { Signalling } from "../wire.gen";
import type { SignallingLine } from "./line";
import type { Sections } from "./sections";
import { type Change, type SlotSource, SlotTable } from "./slots";

type VideoTrack = "main" | "screen";

/** By mid: which of our tracks a section sends, and of one that receives the worker's place, the slot and whose video it is. */
export interface Carried {
  readonly sent: ReadonlyMap<string, Signalling.Track>;
  readonly received: ReadonlyMap<string, Receives>;
}

export interface Receives {
  readonly place: number;
  /** Undefined while the server has not said. */
  readonly slot: number | undefined;
  readonly video: SlotSource | undefined;
}

/** What pictures need of their session. */
export interface PictureHost {
  readonly ask: SignallingLine["ask"];
  /** Offers again with more slots. */
  addSlots(): Promise<void>;
  tellWorker(place: number, source: { user: string; track: VideoTrack } | null): void;
}

/** The slots of one session and what they carry. */
export class Pictures {
  private readonly slots = new SlotTable();
  private readonly mids = new Map<number, string>();

  constructor(
    private readonly sections: Sections,
    private readonly host: PictureHost,
  ) {}

  /** Takes the slots of an answer. */
  learn(slots: readonly Signalling.ReceiveSlot[]): void {
    this.slots.learn(slots);
    for (const { slot, mid } of slots) this.mids.set(slot, mid);
  }

  /** Asks for somebody's video; the track delivers nothing until frames of that sender were opened. */
  async watch(userId: string, track: VideoTrack, layer: number): Promise<MediaStreamTrack> {
    let change = this.slots.bind({ userId, track, layer });
    // Whoever waits beside us may have taken what was added.
    while (change === undefined && this.sections.mayGrow) {
      await this.host.addSlots();
      change = this.slots.bind({ userId, track, layer });
    }
    const section = change && this.sections.receivingAt(change.mid);
    if (change === undefined || section === undefined) {
      throw new RtcError(ErrorCode.OPERATION_FAILED, "There is no room for another picture.", {
        reason: "slots_used_up",
        action: "Stop another remote video first.",
      });
    }
    this.host.tellWorker(section.place, { user: userId, track });
    try {
      await this.host.ask({ type: "bind", bindings: [change.binding] });
    } catch (error) {
      this.takeBack(change, section.place);
      throw error;
    }
    return section.transceiver.receiver.track;
  }

  /** A refused binding leaves the slot as it was: free, or with the layer that it shows. */
  private takeBack(change: Change, place: number): void {
    const back = this.slots.undo(change);
    if (back === undefined) return;
    if (change.before === null) this.host.tellWorker(place, null);
    // Whoever did not answer may have bound it all the same.
    this.host.ask({ type: "bind", bindings: [back.binding] }).catch(() => undefined);
  }

  async unwatch(userId: string, track: VideoTrack): Promise<void> {
    const change = this.slots.unbind(userId, track);
    const section = change && this.sections.receivingAt(change.mid);
    if (change === undefined) return;
    if (section) this.host.tellWorker(section.place, null);
    await this.host.ask({ type: "bind", bindings: [change.binding] });
  }

  /** The received track of somebody's video, if it was asked for. */
  videoOf(userId: string, track: VideoTrack): MediaStreamTrack | undefined {
    const mid = this.slots.midOf(userId, track);
    return mid === undefined ? undefined : this.sections.receivingAt(mid)?.transceiver.receiver.track;
  }

  /** Whose video arrives at a place of the worker's. */
  sourceAt(place: number): { userId: string; track: VideoTrack } | undefined {
    const mid = this.midAt(place);
    return this.slots.bound().find(({ userId, track }) => this.slots.midOf(userId, track) === mid);
  }

  /** What each section carries now. To be asked once for many: every look at a section goes to the browser. */
  carries(): Carried {
    const slots = new Map([...this.mids].map(([slot, mid]) => [mid, slot]));
    const video = this.slots.byMid();
    const received = new Map<string, Receives>();
    for (const { place, transceiver } of this.sections.receiving) {
      const mid = transceiver.mid ?? "";
      received.set(mid, { place, slot: slots.get(mid), video: video.get(mid) });
    }
    return { sent: new Map(this.sections.sends.map(({ mid, track }) => [mid, track])), received };
  }

  /** The number of the slot in which somebody's video arrives, if it was asked for. */
  slotOf(userId: string, track: VideoTrack): number | undefined {
    return this.slotIn(this.slots.midOf(userId, track));
  }

  /** The number of the slot at a place of the worker's. */
  slotAt(place: number): number | undefined {
    return this.slotIn(this.midAt(place));
  }

  /** The worker's place of a slot. */
  placeOf(slot: number): number | undefined {
    return this.sections.receivingAt(this.mids.get(slot) ?? "")?.place;
  }

  private midAt(place: number): string | null | undefined {
    return this.sections.receiving.find((one) => one.place === place)?.transceiver.mid;
  }

  private slotIn(mid: string | null | undefined): number | undefined {
    return [...this.mids].find(([, of]) => of === mid)?.[0];
  }
}
