// SPDX-License-Identifier: Apache-2.0
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Two scripts: what a page imports, and the worker that it names in `TRTC.create({ sealingWorker })`. */
export default defineConfig({
  resolve: { alias: { crypto: here("webcrypto.ts") } },
  build: {
    target: "es2023",
    lib: {
      entry: { sealroom: here("src/index.ts"), "sealing-worker": here("src/worker/main.ts") },
      formats: ["es"],
    },
  },
});
