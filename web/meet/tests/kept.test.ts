// SPDX-License-Identifier: Apache-2.0
import type { OperatorKept } from "@sealroom/sdk";
import { describe, expect, it } from "vitest";
import { classesOf, keptSummary, WITHHELD } from "../src/kept";

type Dataset = OperatorKept["datasets"][number];
type Field = Dataset["fields"][number];

const field = (name: string, what = `What ${name} is.`, changes: Partial<Field> = {}): Field => ({
  name,
  what,
  personal: false,
  dataClass: "back_end_log",
  ...changes,
});
const stays: Dataset = {
  name: "stays",
  what: "Who was there.",
  dataClass: "back_end_log",
  purpose: "to find out why a call was bad",
  kept: "30 days: complaints come within weeks",
  place: "in the site of the application, nowhere else",
  store: "search store",
  fields: [
    field("time", "When it happened, Unix milliseconds."),
    field("sdk_app_id", "The application.", { dataClass: "sdk_app_id" }),
    field("client_ip", "Address.", { personal: true }),
    field("creator", "Who entered first.", { personal: true }),
    field("muted"),
  ],
  rows: [{ values: [1_700_000_000_000, 1400000000, "192.0.2.1", null, false], withheld: [3] }],
  reading: "read",
};
const kept = (...datasets: Dataset[]): OperatorKept => ({
  takenAt: 0,
  classes: [
    { name: "dashboard", meaning: "Dashboard: how good calls were" },
    { name: "back_end_log", meaning: "Back-end log: who was in which room" },
    { name: "sdk_app_id", meaning: "SdkAppId: which application" },
  ],
  datasets,
  others: 20,
});

describe("what the operator keeps of this call", () => {
  it("stands by class, with purpose, place, time and the values of this call", () => {
    const [log, ...others] = classesOf(kept(stays));
    expect(others).toEqual([]);
    expect(log).toMatchObject({ title: "Back-end log", meaning: "who was in which room", fields: 5 });
    const [shown] = log?.datasets ?? [];
    expect(shown?.facts.map(({ value }) => value)).toEqual([
      stays.purpose,
      stays.place,
      stays.store,
      stays.kept,
    ]);
    const values = Object.fromEntries(shown?.fields.map((one) => [one.name, one.values]) ?? []);
    expect(values).toMatchObject({
      sdk_app_id: ["1400000000"],
      client_ip: ["192.0.2.1"],
      creator: [WITHHELD],
      muted: ["no"],
    });
    expect(values.time?.[0]).toContain("2023");
    expect(shown?.fields[1]?.ofClass).toBe("SdkAppId");
  });

  it("has a field that the catalogue has from tomorrow on", () => {
    const more = {
      ...stays,
      fields: [...stays.fields, field("shoe_size", "Size of the shoes.")],
      rows: [{ values: [...(stays.rows[0]?.values ?? []), 43], withheld: [3] }],
    };
    const fields = classesOf(kept(more))[0]?.datasets[0]?.fields ?? [];
    expect(fields.at(-1)).toMatchObject({ what: "Size of the shoes.", values: ["43"] });
  });

  it("names the track of each value where there is one for each", () => {
    const samples: Dataset = {
      ...stays,
      dataClass: "dashboard",
      fields: [field("track"), field("loss"), field("width")],
      rows: [
        { values: ["main", 0.0123, 640], withheld: [] },
        { values: ["audio", 0, null], withheld: [] },
      ],
    };
    const fields = classesOf(kept(samples))[0]?.datasets[0]?.fields ?? [];
    expect(fields.map(({ values }) => values)).toEqual([
      ["main", "audio"],
      ["main: 0.012", "audio: 0"],
      ["main: 640", "—"],
    ]);
  });

  it("says why there are no values", () => {
    const noteOf = (reading: Dataset["reading"]) =>
      classesOf(kept({ ...stays, rows: [], reading }))[0]?.datasets[0]?.note;
    expect(noteOf("read")).toMatch(/^Nothing of you or this call/);
    expect(noteOf("unreadable")).toMatch(/could not be read/);
    // Where nobody looked, nothing is said to be empty.
    expect(noteOf("not_found_by_call")).toMatch(/^It holds something of this call/);
    expect(noteOf("not_told")).toMatch(/told to no member/);
  });

  it("is summed up", () => {
    expect(keptSummary(kept(stays))).toMatch(
      /^5 fields in 1 sets .* 20 other sets of his catalogue\. As of \d/,
    );
  });
});
