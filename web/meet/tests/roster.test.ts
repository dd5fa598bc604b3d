// SPDX-License-Identifier: Apache-2.0
import type { RosterMember } from "@sealroom/sdk";
import { beforeEach, describe, expect, it } from "vitest";
import { changeText, isNoChange, Lasting, NO_CHANGE, rosterChange } from "../src/roster";
import * as state from "../src/state";

const member = (userId: string, role: RosterMember["role"] = "publish", since = 1): RosterMember => ({
  userId,
  role,
  since,
});
const WORDS = ["one", "two", "three", "four", "five", "six"];

describe("two rosters", () => {
  it("differ by who came, who went and who came again", () => {
    const before = [member("ana"), member("ben"), member("carol")];
    const after = [member("ana"), member("carol", "publish", 9), member("dan")];
    const change = rosterChange(before, after);
    expect(change).toEqual({ came: ["dan"], went: ["ben"], again: ["carol"] });
    expect(changeText(change, (user) => user)).toBe("dan came, ben went, carol came again with a new key");
  });

  it("do not differ by the order of their members", () => {
    const both = [member("ana"), member("ben")];
    expect(isNoChange(rosterChange(both, both.toReversed()))).toBe(true);
    expect(isNoChange(NO_CHANGE)).toBe(true);
  });
});

describe("what lasts", () => {
  it("is news only after a while, and begins anew when it stopped in between", () => {
    const lasting = new Lasting(4_000);
    expect(lasting.take(0, ["eve"])).toEqual([]);
    expect(lasting.take(3_999, ["eve"])).toEqual([]);
    expect(lasting.take(4_000, ["eve", "mallory"])).toEqual(["eve"]);
    lasting.take(5_000, []);
    expect(lasting.take(6_000, ["eve"])).toEqual([]);
    expect(lasting.take(10_000, ["eve"])).toEqual(["eve"]);
  });
});

describe("in a sealed call", () => {
  beforeEach(() => {
    state.forgetCall();
    state.announcements.value = [];
    state.userId.value = "ana";
    state.sealing.value = { state: "sealed", epoch: 1, step: 0, fault: null };
  });

  it("somebody whom only the operator names is a stranger and has no tile", () => {
    state.takeRoster([member("ana"), member("ben")], WORDS);
    state.present.value = ["ben", "mallory"];
    state.pictures.value = [{ userId: "mallory", streamType: "main" }];
    expect(state.strangers.value).toEqual(["mallory"]);
    expect(state.tiles.value.map(({ userId }) => userId)).toEqual(["ben"]);
  });

  it("a member whom the operator does not name is named all the same", () => {
    state.takeRoster([member("ana"), member("ben"), member("carol")], WORDS);
    state.present.value = ["ben"];
    expect(state.silentMembers.value).toEqual(["carol"]);
    expect(state.strangers.value).toEqual([]);
  });

  it("our own entry is no change, others' are", () => {
    state.takeRoster([member("ana"), member("ben")], WORDS);
    expect(isNoChange(state.lastChange.value)).toBe(true);
    state.takeRoster([member("ana"), member("carol")], WORDS);
    expect(state.lastChange.value).toEqual({ came: ["carol"], went: ["ben"], again: [] });
  });

  it("a recorder is announced once, when it enters or was there before us, and marked until it leaves", () => {
    const recorder = member("archive", "recorder");
    state.takeRoster([member("ana"), recorder], WORDS);
    state.takeRoster([member("ana"), recorder, member("ben")], WORDS);
    expect(state.announcements.value.map(({ text }) => text)).toEqual([
      "archive records this call.",
      "ben entered.",
    ]);
    expect([...state.recorders.value]).toEqual(["archive"]);
    expect(state.recorderNews.value).toEqual(["archive"]);
    state.takeRoster([member("ana"), member("ben")], WORDS);
    expect(state.announcements.value.at(-1)?.text).toBe("archive left.");
    expect(state.recorders.value.size).toBe(0);
    expect(state.recorderNews.value).toEqual([]);
  });
});

describe("tiles", () => {
  const picture = (userId: string, streamType: "main" | "sub" = "main") => ({ userId, streamType });

  beforeEach(() => {
    state.forgetCall();
    state.userId.value = "ana";
    state.present.value = ["ben", "carol", "dan"];
    state.pictures.value = [picture("dan"), picture("carol"), picture("carol", "sub")];
  });

  const shown = () => state.tiles.value.map((tile) => [tile.userId, tile.streamType, tile.large]);

  it("begin with screens, then people with a picture", () => {
    expect(shown()).toEqual([
      ["carol", "sub", true],
      ["carol", "main", false],
      ["dan", "main", false],
      ["ben", "main", false],
    ]);
  });

  it("give the stage to one that is pinned, until it is gone", () => {
    state.pinned.value = picture("dan");
    expect(shown()[0]).toEqual(["dan", "main", true]);
    expect(shown().filter(([, , large]) => large)).toHaveLength(1);
    state.present.value = ["ben", "carol"];
    expect(shown()[0]).toEqual(["carol", "sub", true]);
  });

  it("are at most 24, and the others are counted", () => {
    state.pictures.value = [];
    state.present.value = Array.from({ length: 30 }, (_, number) => `user-${number}`);
    expect(state.tiles.value).toHaveLength(24);
    expect(state.tilesLeftOut.value).toBe(6);
  });
});
