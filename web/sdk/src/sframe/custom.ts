// SPDX-License-Identifier: Apache-2.0
// The body of a custom message: protocol/sealing.md section 10.

import { MAX_CUSTOM_BYTES, MAX_CUSTOM_COMMAND } from "../wire.gen";
import { type Bytes, concat, uint } from "./bytes";

const HEAD_LENGTH = 6;

/** `sequence` counts the sender's messages of this command, from 1, modulo 2^32. */
export interface CustomBody {
  readonly command: number;
  readonly sequence: number;
  readonly data: Bytes;
}

/** The bytes of a body; throws RangeError for what may not be sent. */
export function writeCustom({ command, sequence, data }: CustomBody): Bytes {
  if (!mayBe(command, data.length)) throw new RangeError("no custom message");
  return concat(uint(command, 2), uint(sequence, 4), data);
}

/** Reads a body; undefined when it is none. */
export function readCustom(bytes: Bytes): CustomBody | undefined {
  if (bytes.length < HEAD_LENGTH) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const [command, sequence] = [view.getUint16(0), view.getUint32(2)];
  const data = bytes.slice(HEAD_LENGTH);
  return mayBe(command, data.length) ? { command, sequence, data } : undefined;
}

/** The number of the newest message of each command. */
export class Sequences {
  private readonly last = new Map<number, number>();

  /** What the next message of a command has, until one was `sent`. */
  next(command: number): number {
    return ((this.last.get(command) ?? 0) + 1) % 2 ** 32;
  }

  sent(command: number): void {
    this.last.set(command, this.next(command));
  }
}

function mayBe(command: number, length: number): boolean {
  return (
    Number.isInteger(command) && command >= 1 && command <= MAX_CUSTOM_COMMAND && length <= MAX_CUSTOM_BYTES
  );
}
