// SPDX-License-Identifier: Apache-2.0
// What the operator keeps of a call, by his data catalogue, checked field by field: protocol/signalling.schema.json.

import { flag, list, object, oneOf, type Shape, text, WrongShape, whole } from "../shape";
import {
  MAX_KEPT_CHARACTERS,
  MAX_KEPT_DATASETS,
  MAX_KEPT_FIELDS,
  MAX_KEPT_ROWS,
  type Signalling,
} from "../wire.gen";

/** What the operator says that he keeps of this call. His word: a member can compare, but not verify it. */
export type OperatorKept = Omit<Signalling.Kept, "type" | "id">;

const said = text(MAX_KEPT_CHARACTERS);
const name = text(64);

const scalar: Shape<Signalling.KeptRow["values"][number]> = (value) => {
  if (value === null || typeof value === "boolean") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (typeof value === "string") return said(value);
  throw new WrongShape("no value");
};

const field = object<Signalling.KeptField>({ name, what: said, personal: flag, dataClass: name });
const row = object<Signalling.KeptRow>({
  values: list(scalar, MAX_KEPT_FIELDS),
  withheld: list(whole(0, MAX_KEPT_FIELDS - 1), MAX_KEPT_FIELDS),
});
const dataset = object<Signalling.KeptDataset>({
  name,
  what: said,
  dataClass: name,
  purpose: said,
  kept: said,
  place: said,
  store: said,
  fields: list(field, MAX_KEPT_FIELDS),
  rows: list(row, MAX_KEPT_ROWS),
  reading: oneOf("read", "unreadable", "not_found_by_call", "not_told"),
});

export const KEPT = object<Signalling.Kept>({
  type: oneOf("kept"),
  id: whole(),
  takenAt: whole(),
  classes: list(object<Signalling.KeptClass>({ name, meaning: said }), MAX_KEPT_DATASETS),
  datasets: list(dataset, MAX_KEPT_DATASETS),
  others: whole(),
});
