// SPDX-License-Identifier: Apache-2.0
// What the operator keeps of this call, as his catalogue declares it, in words for people. Nothing of it is known here beforehand: a
// field that is declared tomorrow is shown tomorrow.

import type { OperatorKept, OperatorRecord } from "@sealroom/sdk";

type Dataset = OperatorKept["datasets"][number];
type Field = Dataset["fields"][number];
type Value = Dataset["rows"][number]["values"][number];

/** A field, and what the operator has in it: one value for each row, or why there is none to show. */
export interface ShownField {
  readonly name: string;
  readonly what: string;
  readonly personal: boolean;
  /** The class where it is another than that of the dataset. */
  readonly ofClass: string | null;
  readonly values: readonly string[];
}

/** A dataset with its facts and fields. */
export interface ShownDataset {
  readonly name: string;
  readonly what: string;
  readonly facts: ReadonlyArray<{ readonly label: string; readonly value: string }>;
  readonly note: string | null;
  readonly fields: readonly ShownField[];
}

/** A class of data, and all that is kept of this call in it. */
export interface ShownClass {
  readonly name: string;
  readonly title: string;
  readonly meaning: string;
  readonly fields: number;
  readonly datasets: readonly ShownDataset[];
}

export const WITHHELD = "kept; somebody else's, not shown to you";
const NONE = "—";
/** What the catalogue says of times. */
const TIME = /unix milliseconds/i;
const EARLIEST = Date.UTC(2020);

const number = new Intl.NumberFormat("en", { maximumFractionDigits: 3, useGrouping: false });
const clock = new Intl.DateTimeFormat([], { timeStyle: "medium" });
const moment = new Intl.DateTimeFormat([], { dateStyle: "medium", timeStyle: "medium" });

/** By class, in the catalogue's order; classes of which nothing is kept of this call are left out. */
export function classesOf(kept: OperatorKept): ShownClass[] {
  const titles = new Map(kept.classes.map(({ name, meaning }) => [name, titleOf(meaning)]));
  return kept.classes.flatMap(({ name, meaning }) => {
    const datasets = kept.datasets.filter(({ dataClass }) => dataClass === name);
    if (datasets.length === 0) return [];
    const fields = datasets.reduce((sum, one) => sum + one.fields.length, 0);
    const shown = datasets.map((one) => datasetOf(one, titles));
    return [{ name, title: titleOf(meaning), meaning: restOf(meaning), fields, datasets: shown }];
  });
}

function datasetOf(one: Dataset, titles: ReadonlyMap<string, string>): ShownDataset {
  return {
    name: one.name,
    what: one.what,
    facts: [
      { label: "Purpose", value: one.purpose },
      { label: "Where", value: one.place },
      { label: "Store", value: one.store },
      { label: "How long", value: one.kept },
    ],
    note: noteOf(one),
    fields: one.fields.map((field, place) => ({
      name: field.name,
      what: field.what,
      personal: field.personal,
      ofClass: field.dataClass === one.dataClass ? null : (titles.get(field.dataClass) ?? field.dataClass),
      values: one.rows.map((row) => shownValue(one, row, field, place)),
    })),
  };
}

const NOTES: Readonly<Record<Dataset["reading"], string>> = {
  read: "Nothing of you or this call stands in it now.",
  unreadable: "The store could not be read just now.",
  not_found_by_call:
    "It holds something of this call that cannot be found by you or by the call, and so not be shown.",
  not_told: "Its values are told to no member.",
};

/** Why there are no values, where there are none. */
function noteOf({ rows, reading }: Dataset): string | null {
  return rows.length === 0 ? NOTES[reading] : null;
}

function shownValue(one: Dataset, row: Dataset["rows"][number], field: Field, place: number): string {
  if (row.withheld.includes(place)) return WITHHELD;
  const text = textOf(row.values[place] ?? null, field);
  const track = row.values[one.fields.findIndex(({ name }) => name === "track")];
  return one.rows.length > 1 && typeof track === "string" && field.name !== "track" && text !== NONE
    ? `${track}: ${text}`
    : text;
}

function textOf(value: Value, { what }: Field): string {
  if (value === null || value === "") return NONE;
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "string") return value;
  if (TIME.test(what) && value > EARLIEST) return moment.format(value);
  return number.format(value);
}

const titleOf = (meaning: string): string => meaning.split(":")[0] ?? meaning;
const restOf = (meaning: string): string => meaning.slice(titleOf(meaning).length + 1).trim();

/** How much is kept of this call, and when he said so. */
export function keptSummary({ datasets, others, takenAt }: OperatorKept): string {
  const fields = datasets.reduce((sum, one) => sum + one.fields.length, 0);
  return `${fields} fields in ${datasets.length} sets hold something of this call; nothing of it was noted in the ${others} other sets of his catalogue. As of ${clock.format(takenAt)}`;
}

/** Sealed frames whose open header the operator counted: all he has of them. */
export function sealedFrames({ participants }: OperatorRecord): number {
  const layers = participants.flatMap(({ tracks }) => tracks).flatMap((track) => track.layers);
  return layers.reduce((sum, { seal }) => sum + (seal?.frames ?? 0), 0);
}
