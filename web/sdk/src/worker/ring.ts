// SPDX-License-Identifier: Apache-2.0
// Which keys a member has, which it seals with and which it still opens with: protocol/sealing.md sections 3 and 6.

import { toB64u } from "../sframe/bytes";
import { FrameCipher } from "../sframe/cipher";
import { type KeyId, LAST_STEP, type RoomContext, writeKeyId } from "../sframe/schedule";
import type { Counters } from "./counters";
import { EpochKeys, GRACE_MS, type ReceivingKey, type StepKeys } from "./epoch_keys";

/** A new epoch is sealed with only after this, so that everybody has it. Longer loses less, shorter locks out sooner. */
export const SEND_DELAY_MS = 300;
/** How long the epoch before is still opened when somebody was removed. */
export const REMOVAL_GRACE_MS = 1_000;
/** How many steps ahead of what the authority announced a frame is tried. More costs CPU for forged headers. */
export const STEPS_AHEAD = 7;

/** What seals: the cipher of one (epoch, step, index, track) and its counter. */
export interface SendingKey {
  readonly cipher: FrameCipher;
  /** The next counter; undefined when there are no more. */
  take(): bigint | undefined;
}

/** A key to try. `commit` says that a frame was opened with it. */
export interface Candidate {
  readonly key: Promise<ReceivingKey>;
  commit(): void;
}

/** `wait`: the key may come; `old`: it was here or was never for us, and will not come. */
export type Search = Candidate | "wait" | "old";

/** What an epoch came after. After an absence somebody may have been removed, and the others have changed already. */
export type After = "change" | "removal" | "absence";

/** The keys of one room in one instance of its authority. Time in milliseconds of a steady clock. */
export class KeyRing {
  private epochs: EpochKeys[] = [];
  private readonly instance: string;

  constructor(
    readonly room: RoomContext,
    private readonly counters: Counters,
    private readonly now: () => number,
  ) {
    this.instance = toB64u(room.instance);
  }

  /** The newest version of the room's secret that we have. */
  get latest(): { epoch: number; step: number } | undefined {
    const newest = this.epochs.at(-1);
    return newest && { epoch: newest.epoch, step: newest.current };
  }

  /**
   * Takes s_step of an epoch, from a secret of the authority. The ring owns `secret` from now on and erases it. Versions
   * must not go back; the same epoch again (after a new line) replaces nothing that is there.
   */
  add(epoch: number, step: number, secret: Uint8Array<ArrayBuffer>, after: After): void {
    const newest = this.epochs.at(-1);
    if (newest && epoch < newest.epoch) throw new RangeError("an epoch that has passed");
    if (newest?.epoch === epoch) {
      newest.addStep(step, secret);
      newest.announce(step, this.now());
      return;
    }
    const until = this.now() + (after === "change" ? GRACE_MS : REMOVAL_GRACE_MS);
    for (const before of this.epochs) before.expiresAt = Math.min(before.expiresAt, until);
    const usableFrom = this.now() + (newest && after !== "absence" ? SEND_DELAY_MS : 0);
    this.epochs.push(new EpochKeys(this.room.suite, epoch, step, secret, usableFrom));
  }

  /** The authority announced this step of an epoch; it is sealed with from now on. */
  announce(epoch: number, step: number): void {
    this.epochs.find((one) => one.epoch === epoch)?.announce(step, this.now());
  }

  /** What the member with `index` seals `track` with now; undefined before the first secret. */
  async sendingKey(index: number, track: number): Promise<SendingKey | undefined> {
    const now = this.now();
    this.sweep();
    const epoch = this.epochs.findLast((one) => one.usableFrom <= now);
    if (epoch === undefined) return undefined;
    const { current: step } = epoch;
    const name = `${this.instance}/${epoch.epoch}/${step}/${index}/${track}`;
    const cipher = await epoch.at(step)?.sendingCipher(index, track, this.deriver(epoch, step, index, track));
    return cipher && { cipher, take: () => this.counters.take(name) };
  }

  /** Looks for the key that a frame's KID names. The caller has made sure that somebody has that index. */
  find(id: KeyId): Search {
    this.sweep();
    const newest = this.epochs.at(-1);
    if (newest === undefined) return "wait";
    const epoch = this.epochs.findLast((one) => one.epoch % 64 === id.epoch);
    if (epoch === undefined) return (id.epoch - newest.epoch) & 0x20 ? "old" : "wait";
    if (id.step > Math.min(epoch.announced + STEPS_AHEAD, LAST_STEP)) return "wait";
    const keys = epoch.at(id.step);
    return keys ? this.candidate(epoch, keys, id) : "old";
  }

  /** Erases what is past its grace. */
  sweep(): void {
    const now = this.now();
    this.epochs = this.epochs.filter((epoch) => {
      const alive = epoch.expiresAt > now;
      if (alive) epoch.sweep(now);
      else epoch.erase();
      return alive;
    });
  }

  /** Erases every key. */
  erase(): void {
    for (const epoch of this.epochs) epoch.erase();
    this.epochs = [];
  }

  private candidate(epoch: EpochKeys, keys: StepKeys, id: KeyId): Candidate {
    return {
      key: keys.receivingKey(id.index, id.track, this.deriver(epoch, id.step, id.index, id.track)),
      commit: () => epoch.commit(id.step),
    };
  }

  private deriver(epoch: EpochKeys, step: number, index: number, track: number): () => Promise<FrameCipher> {
    return async () => {
      const base = await epoch.baseKey(step, index, track);
      const cipher = await FrameCipher.derive(
        this.room.suite,
        writeKeyId({ epoch: epoch.epoch, step, index, track }),
        base,
      );
      base.fill(0);
      return cipher;
    };
  }
}
