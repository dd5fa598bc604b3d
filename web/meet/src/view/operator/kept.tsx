// SPDX-License-Identifier: Apache-2.0
// What the operator keeps of this call by his catalogue, folded by class.

import type { OperatorKept } from "@sealroom/sdk";
import { useEffect, useRef } from "preact/hooks";
import { classesOf, keptSummary, type ShownClass, type ShownDataset, type ShownField } from "../../kept";
import type { Trouble } from "../../state";

interface KeptProps {
  /** Null where the operator does not tell; undefined before he answered. */
  kept: OperatorKept | null | undefined;
  trouble: Trouble | null;
}

export function Kept({ kept, trouble }: KeptProps) {
  return (
    <section class="kept" aria-labelledby="kept-title">
      <h3 id="kept-title">What he keeps</h3>
      {trouble && (
        <p class="notice" role="status">
          He could not be asked just now. {trouble.message} {trouble.action}
        </p>
      )}
      {kept === null && <p>He does not tell what he keeps: his program is older than this page.</p>}
      {kept === undefined && !trouble && <p class="quiet">Asking the operator…</p>}
      {kept && <Classes kept={kept} />}
    </section>
  );
}

function Classes({ kept }: { kept: OperatorKept }) {
  const classes = classesOf(kept);
  const first = classes.find(({ datasets }) => datasets.some(({ note }) => note === null));
  return (
    <>
      <p class="quiet">{keptSummary(kept)}.</p>
      {classes.map((one) => (
        <Class key={one.name} one={one} first={one === first} />
      ))}
    </>
  );
}

/**
 * The `first` that has values opens by itself, once. Else the browser keeps whether it is open: an answer that comes meanwhile folds
 * nothing.
 */
function Class({ one, first }: { one: ShownClass; first: boolean }) {
  const details = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    if (first && details.current) details.current.open = true;
  }, [first]);
  return (
    <details ref={details} data-class={one.name}>
      <summary>
        <span class="class-title">{one.title}</span> <span class="quiet">{one.meaning}</span>{" "}
        <span class="count">{one.fields} fields</span>
      </summary>
      {one.datasets.map((dataset) => (
        <Dataset key={dataset.name} one={dataset} />
      ))}
    </details>
  );
}

function Dataset({ one }: { one: ShownDataset }) {
  return (
    <section class="dataset" data-dataset={one.name} aria-label={one.what}>
      <h4>{one.what}</h4>
      <dl class="facts">
        {one.facts.map(({ label, value }) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {one.note && <p class="quiet">{one.note}</p>}
      <dl class="fields">
        {one.fields.map((field) => (
          <Field key={field.name} field={field} />
        ))}
      </dl>
    </section>
  );
}

function Field({ field }: { field: ShownField }) {
  return (
    <div data-field={field.name}>
      <dt>
        {field.what} <code>{field.name}</code> {field.personal && <span class="tag">personal</span>}{" "}
        {field.ofClass && <span class="tag">{field.ofClass}</span>}
      </dt>
      {field.values.length === 0 ? (
        <dd class="unseen">not shown</dd>
      ) : (
        field.values.map((value, place) => <dd key={place}>{value}</dd>)
      )}
    </div>
  );
}
