// SPDX-License-Identifier: Apache-2.0

import { barsOf, MOST_BARS, qualityText } from "../../quality";
import * as state from "../../state";

/** Bars beside a name, once something was measured. Their number says it without the colour, and the text without either. */
export function QualityMark({ userId }: { userId: string }) {
  const view = state.qualities.value.get(userId);
  if (view === undefined) return null;
  const lit = barsOf(view);
  const text = qualityText(view);
  return (
    <span class={`quality ${lit <= 1 ? "weak" : ""}`} data-grade={view.grade} title={`Connection ${text}`}>
      <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
        {Array.from({ length: MOST_BARS }, (_, bar) => (
          <rect
            key={bar}
            class={bar < lit ? "lit" : ""}
            x={1 + 4 * bar}
            y={10 - 3 * bar}
            width="2.5"
            height={5 + 3 * bar}
            rx="1"
          />
        ))}
      </svg>
      <span class="unseen">connection {text}</span>
    </span>
  );
}
