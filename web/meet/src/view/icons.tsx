// SPDX-License-Identifier: Apache-2.0
// Drawn for this page; every one stands beside words, so none is read out.

import type { ComponentChildren } from "preact";

function Icon({ children }: { children: ComponentChildren }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      {children}
    </svg>
  );
}

const Stroke = () => <path class="strike" d="M4 4l16 16" />;

export function CameraIcon({ off = false }: { off?: boolean }) {
  return (
    <Icon>
      <rect x="3" y="7" width="12" height="10" rx="2" />
      <path d="M15 11l6-3v8l-6-3z" />
      {off && <Stroke />}
    </Icon>
  );
}

export function MicrophoneIcon({ off = false }: { off?: boolean }) {
  return (
    <Icon>
      <rect x="9" y="3" width="6" height="11" rx="3" />
      <path d="M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3" />
      {off && <Stroke />}
    </Icon>
  );
}

export function ScreenIcon({ off = false }: { off?: boolean }) {
  return (
    <Icon>
      <rect x="3" y="4" width="18" height="12" rx="2" />
      <path d="M12 13V8m-2.5 2.5L12 8l2.5 2.5M8 20h8" />
      {off && <Stroke />}
    </Icon>
  );
}

export function LeaveIcon() {
  return (
    <Icon>
      <path d="M14 4H6v16h8M10 12h10m-4-4l4 4-4 4" />
    </Icon>
  );
}

export function PeopleIcon() {
  return (
    <Icon>
      <circle cx="9" cy="8" r="3.5" />
      <path d="M2.5 20c.6-4 3-6 6.500-6s5.900 2 6.500 6M16 4.800a3.500 3.500 0 0 1 0 6.400M18.500 14.600c1.700.9 2.700 2.700 3 5.400" />
    </Icon>
  );
}

/** A dial: what is turned to choose a device. */
export function DevicesIcon() {
  return (
    <Icon>
      <path d="M4 7h9m5 0h2M4 17h2m5 0h9" />
      <circle cx="15.500" cy="7" r="2.500" />
      <circle cx="8.500" cy="17" r="2.500" />
    </Icon>
  );
}

export function PinIcon() {
  return (
    <Icon>
      <path d="M9 4h6l-.8 6.500L17 13.500H7l2.800-3zM12 13.500V20" />
    </Icon>
  );
}

export function RecordIcon() {
  return (
    <Icon>
      <circle cx="12" cy="12" r="8.500" />
      <circle class="dot" cx="12" cy="12" r="4" />
    </Icon>
  );
}

export function ShieldIcon() {
  return (
    <Icon>
      <path d="M12 3.500l7 2.500v5.500c0 4.200-2.800 7.300-7 9-4.200-1.700-7-4.800-7-9V6zM9.500 9.500l5 5m0-5l-5 5" />
    </Icon>
  );
}

export function EyeIcon() {
  return (
    <Icon>
      <path d="M2.500 12S6 5.500 12 5.500 21.500 12 21.500 12 18 18.500 12 18.500 2.500 12 2.500 12z" />
      <circle cx="12" cy="12" r="3" />
    </Icon>
  );
}

export function LockIcon({ open = false }: { open?: boolean }) {
  return (
    <Icon>
      <rect x="5" y="11" width="14" height="9" rx="2" />
      <path d={open ? "M8 11V8a4 4 0 0 1 7.500-2" : "M8 11V8a4 4 0 0 1 8 0v3"} />
    </Icon>
  );
}
