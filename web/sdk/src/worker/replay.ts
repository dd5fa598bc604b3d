// SPDX-License-Identifier: Apache-2.0

/** How many counters back a frame may still come. More takes worse reordering and more memory per key. */
export const WINDOW = 1024;

/** Which of the latest 1,024 counters of one key were accepted. Counters are below 2^53. */
export class ReplayWindow {
  private highest = -1;
  private readonly seen = new Uint8Array(WINDOW);

  /** Whether `counter` was accepted before, or is too old to tell. */
  has(counter: number): boolean {
    if (counter > this.highest) return false;
    return counter <= this.highest - WINDOW || this.seen[counter % WINDOW] === 1;
  }

  /** Notes `counter` as accepted; false, and nothing noted, when it was before. **Only after its tag was verified.** */
  accept(counter: number): boolean {
    if (this.has(counter)) return false;
    if (counter > this.highest) {
      if (counter - this.highest >= WINDOW) this.seen.fill(0);
      else for (let passed = this.highest + 1; passed < counter; passed++) this.seen[passed % WINDOW] = 0;
      this.highest = counter;
    }
    this.seen[counter % WINDOW] = 1;
    return true;
  }
}
