// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const ROOT = new URL("../../../../", import.meta.url);

/** Our own vectors: made by the independent model, run by every language. */
export function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`protocol/vectors/${name}.json`, ROOT), "utf8")) as T;
}

/** The working group's vectors, where they lie beside the checkout; `kid` and `ctr` come as text. */
export function officialVectors<T>(): T | undefined {
  const path = fileURLToPath(new URL("../shared/vectors/sframe/rfc9605.json", ROOT));
  if (!existsSync(path)) return undefined;
  const json = readFileSync(path, "utf8").replace(/"(kid|ctr)": *(\d+)/g, '"$1": "$2"');
  return JSON.parse(json) as T;
}

export function unhex(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array((text.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16)));
}

export function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
