// SPDX-License-Identifier: Apache-2.0
import { expect, it } from "vitest";
import { announce, announcements } from "../src/state";

it("announcements follow each other, so that the same words twice are read twice", () => {
  announcements.value = [];
  for (const text of ["Ben entered.", "Ben left.", "Ben entered.", "Ben left.", "Ben entered."])
    announce(text);
  expect(announcements.value.map(({ text }) => text)).toEqual([
    "Ben left.",
    "Ben entered.",
    "Ben left.",
    "Ben entered.",
  ]);
  expect(new Set(announcements.value.map(({ id }) => id)).size).toBe(4);
});
