// SPDX-License-Identifier: Apache-2.0
// The sealing worker's entry: nothing but wiring.

import type { ToWorker, TransformOptions } from "../sealing/port";
import { sleepCountingClock } from "./clock";
import type { Transformer } from "./pipes";
import { SealingWorker } from "./sealing_worker";

declare const self: DedicatedWorkerGlobalScope;

const worker = new SealingWorker(
  (message) => self.postMessage(message),
  (url) => new WebSocket(url),
  sleepCountingClock(
    () => performance.now(),
    () => Date.now(),
  ),
);

self.addEventListener("message", (event: MessageEvent<ToWorker>) => worker.obey(event.data));
self.addEventListener("rtctransform", (event) => {
  const { transformer } = event as RTCTransformEvent;
  worker.serve(transformer as unknown as Transformer, transformer.options as TransformOptions);
});
self.postMessage({ type: "ready" });
