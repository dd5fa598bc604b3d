// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { extname, join, relative, sep } from "node:path";
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

const TYPES: Record<string, string> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
};

/** Writes `manifest.json`: what a release consists of, in the one form that `sealroom_customer.page.manifest` reads. */
function manifest(): Plugin {
  return {
    name: "manifest",
    apply: "build",
    enforce: "post",
    writeBundle() {
      const { version } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8"));
      const files = readdirSync(STATIC, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && !/\.(gz|br)$/.test(entry.name))
        .map((entry) => described(join(entry.parentPath, entry.name)))
        .sort((one, other) => (one.path < other.path ? -1 : 1));
      const text = JSON.stringify({ format: "sealroom-page/1", version, files });
      writeFileSync(join(STATIC, "manifest.json"), `${text}\n`);
    },
  };
}

function described(file: string): { path: string; sha256: string; size: number; type: string } {
  const type = TYPES[extname(file)];
  if (type === undefined) throw new Error(`${file}: say in vite.config.ts as what it is served`);
  const content = readFileSync(file);
  const path = `/${relative(STATIC, file).split(sep).join("/")}`;
  return { path, sha256: createHash("sha256").update(content).digest("hex"), size: content.length, type };
}

export default defineConfig({
  plugins: [precompressed(), manifest()],
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
