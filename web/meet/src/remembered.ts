// SPDX-License-Identifier: Apache-2.0
// What this browser remembers from one call to the next: a name and choices of devices. Never a token, never a room.

const KEY = "sealroom-choices";
const LONGEST_TEXT = 256;

export type DeviceKind = "camera" | "microphone" | "speaker";

/** A device that was chosen. Ids change when a browser forgets a site's data, so the label is kept too. */
export interface ChosenDevice {
  readonly id: string;
  readonly label: string;
}

export interface Choices {
  readonly name: string;
  readonly camera: ChosenDevice | null;
  readonly microphone: ChosenDevice | null;
  readonly speaker: ChosenDevice | null;
  readonly cameraOn: boolean;
  readonly microphoneOn: boolean;
}

/** `localStorage`, or what a test has in its place. */
export type Store = Pick<Storage, "getItem" | "setItem">;

const NOTHING: Choices = {
  name: "",
  camera: null,
  microphone: null,
  speaker: null,
  cameraOn: true,
  microphoneOn: true,
};

/** What was remembered; whatever is missing or makes no sense is as on a first visit. */
export function remembered(store: Store = localStorage): Choices {
  try {
    const stored = JSON.parse(store.getItem(KEY) ?? "null") as Record<string, unknown> | null;
    return {
      name: text(stored?.name),
      camera: device(stored?.camera),
      microphone: device(stored?.microphone),
      speaker: device(stored?.speaker),
      cameraOn: stored?.cameraOn !== false,
      microphoneOn: stored?.microphoneOn !== false,
    };
  } catch {
    return NOTHING;
  }
}

/** Remembers what changed beside what was remembered; a browser that keeps nothing is no reason to fail. */
export function remember(changed: Partial<Choices>, store: Store = localStorage): void {
  try {
    store.setItem(KEY, JSON.stringify({ ...remembered(store), ...changed }));
  } catch {
    // Storage is full or forbidden: the choice holds until the page is closed.
  }
}

/**
 * The id of a remembered device among those that are there: by id, else by label. Empty when it is gone, which is the
 * browser's own choice of device.
 */
export function idAmong(
  chosen: ChosenDevice | null,
  devices: readonly Pick<MediaDeviceInfo, "deviceId" | "label">[],
): string {
  if (chosen === null) return "";
  const found =
    devices.find(({ deviceId }) => deviceId === chosen.id) ??
    devices.find(({ label }) => label !== "" && label === chosen.label);
  return found?.deviceId ?? "";
}

function text(value: unknown): string {
  return typeof value === "string" ? value.slice(0, LONGEST_TEXT) : "";
}

function device(value: unknown): ChosenDevice | null {
  if (typeof value !== "object" || value === null) return null;
  const { id, label } = value as Record<string, unknown>;
  return text(id) === "" ? null : { id: text(id), label: text(label) };
}
