// SPDX-License-Identifier: Apache-2.0
// Put before the sealing worker's own code by a test: copies what the encoders put out, before it is sealed, to the test.
(() => {
  const channel = new BroadcastChannel("encoder-output");
  self.addEventListener("rtctransform", (event) => {
    const { transformer } = event;
    const readable = transformer.readable;
    const tapped = readable.pipeThrough(new TransformStream({
      transform(frame, controller) {
        const { synchronizationSource } = frame.getMetadata();
        // Only what this side encodes: frames of a receiver carry sealed bodies and say nothing of the encoder.
        if (transformer.options?.side !== "receive") channel.postMessage({ video: "type" in frame, ssrc: synchronizationSource, data: frame.data.slice(0) });
        controller.enqueue(frame);
      },
    }));
    Object.defineProperty(transformer, "readable", { value: tapped });
  });
})();
