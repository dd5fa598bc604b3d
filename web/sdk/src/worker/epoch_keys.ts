// SPDX-License-Identifier: Apache-2.0

import type { Bytes } from "../sframe/bytes";
import type { FrameCipher } from "../sframe/cipher";
import { baseKey, nextSecret } from "../sframe/schedule";
import type { Suite } from "../sframe/suite";
import { ReplayWindow } from "./replay";

/** How long the step or epoch before is still opened. Longer forgives slow lines, shorter erases sooner. */
export const GRACE_MS = 5_000;

/** A sender's key on the receiving side, with the counters that were accepted. */
export interface ReceivingKey {
  readonly cipher: FrameCipher;
  readonly window: ReplayWindow;
}

type Derive = () => Promise<FrameCipher>;

/** s_k of one step and the keys that were derived from it so far. */
export class StepKeys {
  expiresAt = Number.POSITIVE_INFINITY;
  private readonly receiving = new Map<string, Promise<ReceivingKey>>();
  private readonly sending = new Map<string, Promise<FrameCipher>>();

  private erased = false;

  constructor(private readonly secret: Promise<Bytes>) {}

  /** Lets `work` derive from the secret; throws once it was erased, so that nothing is ever derived from zeros. */
  async use(work: (secret: Bytes) => Promise<Bytes>): Promise<Bytes> {
    const secret = await this.secret;
    if (this.erased) throw new RangeError("a step that is gone");
    return work(secret);
  }

  /** One object per sender and track, so that its replay window is one. */
  receivingKey(index: number, track: number, derive: Derive): Promise<ReceivingKey> {
    return remembered(this.receiving, `${index}/${track}`, async () => ({
      cipher: await derive(),
      window: new ReplayWindow(),
    }));
  }

  sendingCipher(index: number, track: number, derive: Derive): Promise<FrameCipher> {
    return remembered(this.sending, `${index}/${track}`, derive);
  }

  erase(): void {
    this.erased = true;
    this.secret.then(
      (secret) => secret.fill(0),
      () => undefined,
    );
    this.receiving.clear();
    this.sending.clear();
  }
}

/** One epoch: its steps from the one we were let in at. Steps after `current` are tries on a copy until committed. */
export class EpochKeys {
  expiresAt = Number.POSITIVE_INFINITY;
  announced: number;
  current: number;
  private readonly steps = new Map<number, StepKeys>();

  constructor(
    private readonly suite: Suite,
    readonly epoch: number,
    step: number,
    secret: Bytes,
    readonly usableFrom: number,
  ) {
    this.announced = step;
    this.current = step;
    this.steps.set(step, new StepKeys(Promise.resolve(secret)));
  }

  /** The keys of a step, derived ahead where needed; undefined for one that is gone or was before our time. */
  at(step: number): StepKeys | undefined {
    const known = this.steps.get(step);
    if (known !== undefined || step <= this.current) return known;
    const before = this.at(step - 1);
    if (before === undefined) return undefined;
    const made = new StepKeys(before.use((secret) => nextSecret(this.suite, secret)));
    this.steps.set(step, made);
    return made;
  }

  /** Takes a secret of this same epoch; one that is known stays, for the counters accepted under it. */
  addStep(step: number, secret: Bytes): void {
    if (step > this.current && !this.steps.has(step))
      this.steps.set(step, new StepKeys(Promise.resolve(secret)));
    else secret.fill(0);
  }

  /** The authority announced this step: those before it end with their grace. */
  announce(step: number, now: number): void {
    this.announced = Math.max(this.announced, step);
    this.commit(step);
    for (const [number, keys] of this.steps) {
      if (number < this.announced) keys.expiresAt = Math.min(keys.expiresAt, now + GRACE_MS);
    }
  }

  /**
   * A frame of this step was opened: from now on it is the current one. It ends none before it, or one member who steps ahead
   * on his own would shut out those who go by the authority.
   */
  commit(step: number): void {
    if (step <= this.current) return;
    this.at(step);
    this.current = step;
  }

  async baseKey(step: number, index: number, track: number): Promise<Bytes> {
    const keys = this.at(step);
    if (keys === undefined) throw new RangeError("a step that is gone");
    return keys.use((secret) => baseKey(this.suite, secret, { epoch: this.epoch, step, index, track }));
  }

  sweep(now: number): void {
    for (const [step, keys] of this.steps) {
      if (keys.expiresAt > now) continue;
      keys.erase();
      this.steps.delete(step);
    }
  }

  erase(): void {
    for (const keys of this.steps.values()) keys.erase();
    this.steps.clear();
  }
}

function remembered<T>(from: Map<string, Promise<T>>, name: string, make: () => Promise<T>): Promise<T> {
  let found = from.get(name);
  if (found === undefined) {
    found = make();
    from.set(name, found);
  }
  return found;
}
