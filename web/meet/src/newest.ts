// SPDX-License-Identifier: Apache-2.0

/** What becomes of answers. */
export interface Shown<T> {
  answered(answer: T): void;
  failed(error: unknown): void;
}

/**
 * Asks for something again and again and shows the newest answer only. One that was overtaken is of another moment, and one that comes
 * after `forget` may be of another call: neither is shown.
 */
export class Newest<T> {
  private asked = 0;

  constructor(
    private readonly fetch: () => Promise<T>,
    private readonly shown: Shown<T>,
  ) {}

  /** Asks once more; never rejects. */
  async ask(): Promise<void> {
    const mine = ++this.asked;
    try {
      const answer = await this.fetch();
      if (mine === this.asked) this.shown.answered(answer);
    } catch (error) {
      if (mine === this.asked) this.shown.failed(error);
    }
  }

  /** Nobody wants what was asked for any more. */
  forget(): void {
    this.asked++;
  }
}
