// SPDX-License-Identifier: Apache-2.0
// Custom messages of one call: sealed in the worker, or as they are in a call without sealing.

import { ErrorCode, RtcError } from "../errors";
import type { CustomMessage } from "../options";
import type { Sealing } from "../sealing/sealing";
import { type Bytes, fromB64u, toB64u } from "../sframe/bytes";
import { readCustom, Sequences, writeCustom } from "../sframe/custom";
import { MAX_CUSTOM_BYTES, MAX_CUSTOM_COMMAND } from "../wire.gen";

/** A message of somebody, as `custom-message` tells it. */
export interface HeardMessage {
  userId: string;
  cmdId: number;
  seq: number;
  data: ArrayBuffer;
}

export class CustomMessages {
  private readonly sequences = new Sequences();

  constructor(private readonly tell: (message: HeardMessage) => void) {}

  /** What goes to the server; throws RtcError for what may not be sent, or cannot be sealed now. */
  async write(message: CustomMessage, sealing: Sealing | null): Promise<string> {
    const { cmdId, data } = checked(message);
    if (sealing) return sealing.sealMessage(cmdId, new Uint8Array(data));
    const sequence = this.sequences.next(cmdId);
    this.sequences.sent(cmdId);
    return toB64u(writeCustom({ command: cmdId, sequence, data: new Uint8Array(data) }));
  }

  /** A message that the server passed on. Sealed, it goes to the worker, which tells it if it opens. */
  hear(userId: string, text: string, sealing: Sealing | null): void {
    if (sealing) return sealing.openMessage(userId, text);
    let bytes: Bytes;
    try {
      bytes = fromB64u(text);
    } catch {
      return;
    }
    // What does not fit is of a member whose call is sealed: it is for others.
    const body = readCustom(bytes);
    if (body) this.tell({ userId, cmdId: body.command, seq: body.sequence, data: body.data.buffer });
  }
}

function checked({ cmdId, data }: CustomMessage): CustomMessage {
  if (!Number.isInteger(cmdId) || cmdId < 1 || cmdId > MAX_CUSTOM_COMMAND) {
    throw invalid(`cmdId is not a number from 1 to ${MAX_CUSTOM_COMMAND}.`, "Use another cmdId.");
  }
  if (!(data instanceof ArrayBuffer)) throw invalid("data is not an ArrayBuffer.", "Encode it first.");
  if (data.byteLength > MAX_CUSTOM_BYTES) {
    throw invalid(`data has more than ${MAX_CUSTOM_BYTES} bytes.`, "Send less in one message.");
  }
  return { cmdId, data };
}

function invalid(message: string, action: string): RtcError {
  return new RtcError(ErrorCode.INVALID_PARAMETER, message, { action, functionName: "sendCustomMessage" });
}
