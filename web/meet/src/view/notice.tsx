// SPDX-License-Identifier: Apache-2.0

import { tell } from "../devices";
import { deviceNotices, type Trouble } from "../state";

interface NoticeProps {
  trouble: Trouble | null;
  onClose?: () => void;
  /** `status` is read in turn; what stands in the way interrupts. */
  role?: "alert" | "status";
}

/** What went wrong and what to do next. */
export function Notice({ trouble, onClose, role = "alert" }: NoticeProps) {
  if (trouble === null) return null;
  return (
    <div class="notice" role={role}>
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

/** Which chosen devices are not there. */
export function DeviceNotices() {
  return (
    <>
      {[...deviceNotices.value].map(([kind, trouble]) => (
        <Notice key={kind} trouble={trouble} role="status" onClose={() => tell(kind, null)} />
      ))}
    </>
  );
}
