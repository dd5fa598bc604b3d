// SPDX-License-Identifier: Apache-2.0
// Put before a sender's sealing worker by a test: an operator that changes sealed frames on their way.
// `__tamper` says how: "prefix", "header", "ciphertext", "tag" flip one bit there; "replay" sends an old frame again and again;
// "old" keeps what was sealed in the first epoch and sends that instead once another has begun; "keyless" holds key frames back
// until a message on the channel "release".
(() => {
  const how = __tamper;
  const kept = new Map();
  let released = false;
  new BroadcastChannel("release").onmessage = () => { released = true; };
  const change = (data, source) => {
    const bytes = new Uint8Array(data.slice(0));
    const prefix = bytes[0] & 1 ? 3 : 10;
    if (how === "keyless") return prefix === 10 && !released ? null : bytes.buffer;
    if (how === "old") {
      // A key id of four bytes begins with the epoch.
      const epoch = bytes[prefix + 1];
      const layer = kept.get(source) ?? { epoch, frames: [], next: 0 };
      kept.set(source, layer);
      // Not those of a step before the receiver came: he could never have opened them.
      if (epoch === layer.epoch && layer.frames.push(bytes.buffer.slice(0)) > 20) layer.frames.shift();
      return epoch === layer.epoch ? bytes.buffer : layer.frames[layer.next++ % layer.frames.length].slice(0);
    }
    if (how === "replay") {
      // Each layer's key frame goes through with what follows it; from the twentieth frame on it comes again and again.
      const layer = kept.get(source) ?? { count: 0 };
      kept.set(source, layer);
      if (prefix === 10) layer.data = bytes.buffer.slice(0);
      return ++layer.count < 20 || !layer.data ? bytes.buffer : layer.data.slice(0);
    }
    // The lowest bits of the header's last byte belong to the counter; the first bit of a VP8 frame tells key frames.
    const config = bytes[prefix];
    const header = 1 + (config & 0x80 ? ((config >> 4) & 7) + 1 : 0) + (config & 0x08 ? (config & 7) + 1 : 0);
    const place = { prefix: 2, header: prefix + header - 1, ciphertext: prefix + header + 4, tag: bytes.length - 1 }[how];
    bytes[place] ^= 1;
    return bytes.buffer;
  };
  self.addEventListener("rtctransform", ({ transformer }) => {
    if (transformer.options.side !== "send") return;
    const { writable: real } = transformer;
    const { readable, writable } = new TransformStream({
      transform(frame, controller) {
        const changed = "type" in frame && frame.data.byteLength > 40 ? change(frame.data, frame.getMetadata().synchronizationSource) : frame.data;
        if (changed === null) return;
        frame.data = changed;
        controller.enqueue(frame);
      },
    });
    void readable.pipeTo(real);
    Object.defineProperty(transformer, "writable", { value: writable });
  });
})();
