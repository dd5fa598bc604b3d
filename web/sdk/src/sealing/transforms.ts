// SPDX-License-Identifier: Apache-2.0
// The rule that no frame can leave in clear: a transform on every sender and receiver, before there is anything to send.

import { ErrorCode, RtcError } from "../errors";
import type { TransformOptions } from "./port";

/** Either half of a transceiver, as far as sealing touches it. */
interface Half {
  transform: unknown;
}

/** As much of an RTCRtpTransceiver as sealing needs. */
export interface SealableTransceiver {
  readonly mid: string | null;
  readonly sender: Half;
  readonly receiver: Half;
}

/** Makes a transform that runs in the sealing worker. */
export type MakeTransform = (options: TransformOptions) => object;

/** What the halves of a transceiver are for. */
export interface TransceiverUse {
  readonly send: "audio" | "main" | "screen" | null;
  readonly kind: "audio" | "video";
  readonly place: number;
}

/** The transforms of one peer connection. */
export class Transforms {
  private readonly made = new WeakSet<object>();

  constructor(
    private readonly make: MakeTransform,
    private readonly entry: number,
  ) {}

  /**
   * Puts a transform on both halves. **Only on a transceiver that was just made**: one attached after negotiation never
   * runs, and frames leave in clear, so it is refused.
   */
  attach(transceiver: SealableTransceiver, { send, kind, place }: TransceiverUse): void {
    if (transceiver.mid !== null) {
      throw new RtcError(
        ErrorCode.INVALID_OPERATION,
        "A transform was to be attached to a section that is negotiated already; its frames would leave in clear.",
        { reason: "attached_late", action: "Make a new transceiver." },
      );
    }
    const { entry } = this;
    transceiver.sender.transform = this.note(this.make({ side: "send", track: send, entry }));
    transceiver.receiver.transform = this.note(this.make({ side: "receive", kind, place, entry }));
  }

  /** Throws RtcError unless every sender and receiver has a transform of ours. Called before every offer and answer. */
  assertSealed(transceivers: readonly SealableTransceiver[]): void {
    const halves = transceivers.flatMap(({ sender, receiver }) => [sender, receiver]);
    if (halves.every(({ transform }) => isObject(transform) && this.made.has(transform))) return;
    throw new RtcError(ErrorCode.INVALID_OPERATION, "A section of the call is not sealed; nothing is sent.", {
      reason: "not_sealed",
      action: "Make sections through the SDK only.",
    });
  }

  private note(transform: object): object {
    this.made.add(transform);
    return transform;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
