// SPDX-License-Identifier: Apache-2.0
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

const WEBCRYPTO = fileURLToPath(new URL("../sdk/webcrypto.ts", import.meta.url));
const STATIC = fileURLToPath(new URL("../../customer/sealroom_customer/page/static", import.meta.url));

/** Writes a .gz and a .br beside every text file, so that the server need not compress. */
function precompressed(): Plugin {
  return {
    name: "precompressed",
    apply: "build",
    enforce: "post",
    generateBundle(_options, bundle) {
      for (const file of Object.values(bundle)) {
        const content = Buffer.from(file.type === "chunk" ? file.code : file.source);
        if (!/\.(js|css|html)$/.test(file.fileName) || content.length < 512) continue;
        const compressed = { gz: gzipSync(content, { level: 9 }), br: brotliCompressSync(content) };
        for (const [suffix, source] of Object.entries(compressed)) {
          this.emitFile({ type: "asset", fileName: `${file.fileName}.${suffix}`, source });
        }
      }
    },
  };
}

export default defineConfig({
  plugins: [precompressed()],
  resolve: {
    conditions: ["source", "module", "browser", "development|production"],
    alias: { crypto: WEBCRYPTO },
  },
  worker: {
    format: "es",
    rolldownOptions: { output: { codeSplitting: false, entryFileNames: "assets/sealing-worker-[hash].js" } },
  },
  build: {
    outDir: STATIC,
    emptyOutDir: true,
    target: "es2023",
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: false,
  },
});
