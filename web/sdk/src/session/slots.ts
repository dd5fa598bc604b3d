// SPDX-License-Identifier: Apache-2.0

import type { Signalling } from "../wire.gen";

type VideoTrack = "main" | "screen";

/** Whose video a slot carries for us. */
export interface SlotSource {
  readonly userId: string;
  readonly track: VideoTrack;
  readonly layer: number;
}

interface Slot {
  readonly number: number;
  readonly mid: string;
  generation: number;
  source: SlotSource | null;
  /** When it was freed; the one that has been free longest is taken first, so that late frames find it free. */
  freedAt: number;
}

/** A slot that was changed: what to tell the server, and in which section it arrives. */
export interface Change {
  readonly binding: Signalling.Binding;
  readonly mid: string;
  /** What the slot carried before. */
  readonly before: SlotSource | null;
}

/** The video slots of one entry and what they carry. The client binds; the server only follows. */
export class SlotTable {
  private readonly slots: Slot[] = [];
  private freed = 0;

  /** Takes the slots of an answer; known ones keep what they carry. Audio slots are the server's affair. */
  learn(slots: readonly Signalling.ReceiveSlot[]): void {
    for (const { slot, kind, mid } of slots) {
      if (kind !== "video" || this.slots.some((one) => one.number === slot)) continue;
      this.slots.push({ number: slot, mid, generation: 0, source: null, freedAt: 0 });
    }
  }

  /** Binds a source to the slot that carries it already, else to a free one; undefined when there is none left. */
  bind(source: SlotSource): Change | undefined {
    const slot = this.find(source.userId, source.track) ?? this.free();
    return slot && this.set(slot, source);
  }

  /** Frees the slot of a source; undefined when it had none. */
  unbind(userId: string, track: VideoTrack): Change | undefined {
    const slot = this.find(userId, track);
    if (slot) slot.freedAt = ++this.freed;
    return slot && this.set(slot, null);
  }

  /** Puts back what a slot carried before a change that was refused; undefined when it was changed again meanwhile. */
  undo({ binding, before }: Change): Change | undefined {
    const slot = this.slots.find(({ number }) => number === binding.slot);
    if (slot?.generation !== binding.generation) return undefined;
    if (before === null) slot.freedAt = ++this.freed;
    return this.set(slot, before);
  }

  /** Everything that is bound. */
  bound(): SlotSource[] {
    return this.slots.flatMap(({ source }) => source ?? []);
  }

  /** What is bound, by the section it arrives in. */
  byMid(): ReadonlyMap<string, SlotSource> {
    return new Map(this.slots.flatMap(({ mid, source }) => (source ? [[mid, source] as const] : [])));
  }

  /** The section in which a source arrives. */
  midOf(userId: string, track: VideoTrack): string | undefined {
    return this.find(userId, track)?.mid;
  }

  private find(userId: string, track: VideoTrack): Slot | undefined {
    return this.slots.find(({ source }) => source?.userId === userId && source.track === track);
  }

  private free(): Slot | undefined {
    const free = this.slots.filter(({ source }) => source === null);
    return free.sort((one, other) => one.freedAt - other.freedAt)[0];
  }

  private set(slot: Slot, source: SlotSource | null): Change {
    const before = slot.source;
    slot.source = source;
    slot.generation++;
    return { binding: { slot: slot.number, generation: slot.generation, source }, mid: slot.mid, before };
  }
}
