// SPDX-License-Identifier: Apache-2.0
// Names as people type them, and user ids as TRTC takes them.

const LONGEST_NAME = 24;
const SUFFIX = /-[a-z0-9]{6}$/;
const LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789";

/**
 * A valid user id (1 to 32 of a-z, A-Z, 0-9, _ and -) that begins with what can be kept of the name and ends in six random
 * characters, so that two people of one name are two users.
 */
export function userIdFor(
  name: string,
  random: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array = fill,
): string {
  const plain = name
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .trim()
    .replace(/\s+/g, "_")
    .replace(/[^a-zA-Z0-9_-]/g, "")
    .slice(0, LONGEST_NAME);
  const suffix = [...random(new Uint8Array(6))].map((byte) => LETTERS[byte % LETTERS.length]).join("");
  return `${plain || "guest"}-${suffix}`;
}

/** The part of a user id that is a name. */
export function nameOf(userId: string): string {
  return userId.replace(SUFFIX, "").replaceAll("_", " ") || userId;
}

/** What stands in a tile without a picture. */
export function initialsOf(userId: string): string {
  const words = nameOf(userId)
    .split(/[\s-]+/)
    .filter(Boolean);
  return words
    .slice(0, 2)
    .map((word) => word[0]?.toUpperCase() ?? "")
    .join("");
}

function fill(bytes: Uint8Array<ArrayBuffer>): Uint8Array {
  return crypto.getRandomValues(bytes);
}
