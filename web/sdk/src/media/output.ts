// SPDX-License-Identifier: Apache-2.0
// Which loudspeaker plays what is received.

import { ErrorCode, ExtraCode, RtcError } from "../errors";

/** What of an <audio> element is needed; browsers without a choice of loudspeaker have no `setSinkId`. */
export interface Sounding {
  setSinkId?(deviceId: string): Promise<void>;
}

/** All sound of a page goes to one loudspeaker, also that which comes later. */
export class SoundOutput {
  private readonly sounding = new Set<Sounding>();
  private speakerId = "";

  add(element: Sounding): void {
    this.sounding.add(element);
    // One that has gone since it was chosen: the system's own is better than silence.
    if (this.speakerId !== "") element.setSinkId?.(this.speakerId).catch(() => undefined);
  }

  remove(element: Sounding): void {
    this.sounding.delete(element);
  }

  /**
   * Plays everything through this loudspeaker; the empty id is the system's own. Rejects with RtcError, and leaves the
   * choice as it was, when the browser cannot.
   */
  async choose(speakerId: string): Promise<void> {
    const before = this.speakerId;
    this.speakerId = speakerId;
    const moves = await Promise.allSettled([...this.sounding].map((element) => moved(element, speakerId)));
    const failed = moves.find((one) => one.status === "rejected");
    if (failed === undefined) return;
    this.speakerId = before;
    await Promise.allSettled([...this.sounding].map((element) => moved(element, before)));
    throw speakerError(failed.reason);
  }
}

async function moved(element: Sounding, speakerId: string): Promise<void> {
  if (element.setSinkId) return element.setSinkId(speakerId);
  throw new RtcError(ErrorCode.ENV_NOT_SUPPORTED, "This browser cannot choose a loudspeaker.", {
    reason: "no_set_sink_id",
    action: "Choose it in the system's settings.",
  });
}

function speakerError(error: unknown): RtcError {
  if (error instanceof RtcError) return error;
  const name = error instanceof Error ? error.name : "";
  const gone = name === "NotFoundError";
  return new RtcError(
    ErrorCode.DEVICE_ERROR,
    gone ? "The chosen loudspeaker is not there any more." : "The loudspeaker cannot be used.",
    {
      extraCode: gone ? ExtraCode.DEVICE_NOT_FOUND : ExtraCode.DEVICE_OTHER,
      reason: name,
      action: "Choose another loudspeaker.",
      originError: error,
    },
  );
}
