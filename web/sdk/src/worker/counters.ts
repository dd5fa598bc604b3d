// SPDX-License-Identifier: Apache-2.0

/** A sender whose counter would pass this stops: far below what GCM bears, far beyond any call. */
export const LAST_COUNTER = 2n ** 40n;

/**
 * The counters of everything this worker ever sealed. **One for the life of the worker**: a key that is derived a second
 * time, after a new line to the authority for example, goes on where it stopped.
 */
export class Counters {
  private readonly next = new Map<string, bigint>();

  /** The next counter of the base key that `name` stands for, or undefined when it is used up. */
  take(name: string): bigint | undefined {
    const counter = this.next.get(name) ?? 0n;
    if (counter > LAST_COUNTER) return undefined;
    this.next.set(name, counter + 1n);
    return counter;
  }
}
