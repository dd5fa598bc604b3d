// SPDX-License-Identifier: Apache-2.0
// Adds up what a guest downloads, compressed, and fails beyond the promise.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const MOST_BYTES = 100_000;
const folder = fileURLToPath(new URL("../../customer/sealroom_customer/page/static", import.meta.url));

let sum = 0;
for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || /\.(gz|br)$|^manifest\.json/.test(entry.name)) continue;
  const bytes = gzipSync(readFileSync(join(entry.parentPath, entry.name)), { level: 9 }).length;
  sum += bytes;
  process.stdout.write(`${String(bytes).padStart(7)}  ${entry.name}\n`);
}
process.stdout.write(`${String(sum).padStart(7)}  bytes in all, gzip; at most ${MOST_BYTES}\n`);
process.exitCode = sum > MOST_BYTES ? 1 : 0;
