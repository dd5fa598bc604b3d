// SPDX-License-Identifier: Apache-2.0

import type { Trouble } from "../state";

/** What went wrong and what to do next. */
export function Notice({ trouble, onClose }: { trouble: Trouble | null; onClose?: () => void }) {
  if (trouble === null) return null;
  return (
    <div class="notice" role="alert">
      <p>
        <strong>{trouble.message}</strong> {trouble.action}
      </p>
      {onClose && (
        <button type="button" class="plain" onClick={onClose}>
          Close
        </button>
      )}
    </div>
  );
}
