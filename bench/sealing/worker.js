// SPDX-License-Identifier: Apache-2.0
// Put before the sealing worker's own code: how long each frame takes from when the worker may read it until it is written, in the
// call and, asked by the page, once more with one frame at a time and nothing else to do. Milliseconds.
(() => {
  const KEPT = 400;
  const inCall = { seal: [], open: [] };
  const kept = { seal: [], open: [] };
  const options = {};

  const timed = (transformer, side, given) => {
    const begun = new WeakMap();
    const { readable, writable } = transformer;
    const read = readable.getReader();
    const write = writable.getWriter();
    Object.defineProperty(transformer, "readable", {
      value: {
        getReader: () => ({
          read: async () => {
            const next = await read.read();
            if (!next.done) {
              given(next.value);
              begun.set(next.value, performance.now());
            }
            return next;
          },
        }),
      },
    });
    Object.defineProperty(transformer, "writable", {
      value: {
        getWriter: () => ({
          write: (frame) => {
            inCall[side].push(performance.now() - begun.get(frame));
            return write.write(frame);
          },
        }),
      },
    });
  };

  self.addEventListener("rtctransform", ({ transformer }) => {
    const { side: way, track, kind } = transformer.options;
    const side = way === "send" ? "seal" : "open";
    if ((track ?? kind) !== (side === "seal" ? "main" : "video")) return;
    timed(transformer, side, (frame) => {
      if (kept[side].length >= KEPT) return;
      options[side] = transformer.options;
      const metadata = frame.getMetadata();
      kept[side].push({ type: frame.type, data: frame.data.slice(0), metadata });
    });
  });

  /** Feeds frames to the worker's own code as a transformer does, the next once the one before was written. */
  const alone = (side, frames) =>
    new Promise((resolve) => {
      const times = [];
      const written = [];
      const waiting = frames.values();
      let begun = 0;
      let give;
      const next = () => {
        const { done, value } = waiting.next();
        if (done) {
          resolve({ times, written });
          return;
        }
        const frame = { type: value.type, data: value.data.slice(0), getMetadata: () => value.metadata };
        begun = performance.now();
        give({ done: false, value: frame });
      };
      const transformer = {
        options: options[side],
        readable: {
          getReader: () => ({
            read: () =>
              new Promise((given) => {
                give = given;
                // As a frame comes: in a task of its own.
                setTimeout(next);
              }),
          }),
        },
        writable: {
          getWriter: () => ({
            write: async (frame) => {
              times.push(performance.now() - begun);
              written.push({ type: frame.type, data: frame.data, metadata: frame.getMetadata() });
            },
          }),
        },
      };
      self.dispatchEvent(Object.assign(new Event("rtctransform"), { transformer }));
    });

  /** The same bodies through the browser's cipher and nothing else: what no code around it can go below. */
  const cipher = async () => {
    const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt"]);
    const times = [];
    for (const { data } of kept.seal) {
      await new Promise((resolve) => setTimeout(resolve));
      const begun = performance.now();
      await crypto.subtle.encrypt({ name: "AES-GCM", iv: crypto.getRandomValues(new Uint8Array(12)) }, key, data);
      times.push(performance.now() - begun);
    }
    return { times };
  };

  const channel = new BroadcastChannel("bench");
  channel.onmessage = async ({ data: { ask, frames } }) => {
    if (ask === "in call") channel.postMessage({ inCall, sealed: kept.seal.length, isolated: self.crossOriginIsolated });
    if (ask === "cipher") channel.postMessage(await cipher());
    if (ask === "seal") channel.postMessage(await alone("seal", kept.seal));
    if (ask === "open") channel.postMessage(await alone("open", frames));
  };
})();
