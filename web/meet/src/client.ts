// SPDX-License-Identifier: Apache-2.0
// The page's one participant.

import { RtcError, TRTC } from "@sealroom/sdk";
import workerUrl from "@sealroom/sdk/worker?worker&url";
import type { Trouble } from "./state";
import { Problem } from "./tokens";

export const trtc = TRTC.create({ sealingWorker: workerUrl });

/** What a person can be told of an error. */
export function troubleOf(error: unknown): Trouble {
  if (error instanceof RtcError || error instanceof Problem)
    return { message: error.message, action: error.action };
  return { message: "Something went wrong.", action: "Reload the page." };
}
