// SPDX-License-Identifier: Apache-2.0

import type { Emitter } from "../events";

type DeviceType = "camera" | "microphone" | "speaker";
const TYPES: Readonly<Record<MediaDeviceKind, DeviceType>> = {
  videoinput: "camera",
  audioinput: "microphone",
  audiooutput: "speaker",
};

/** Devices of one kind. Labels are empty before the page was allowed to use one; such entries are left out. */
export async function devices(kind: MediaDeviceKind): Promise<MediaDeviceInfo[]> {
  const all = await (navigator.mediaDevices?.enumerateDevices() ?? []);
  return all.filter((device) => device.kind === kind && device.deviceId !== "");
}

/** Tells which devices come and go, until the returned function is called. */
export function watchDevices(emitter: Emitter): () => void {
  const media = navigator.mediaDevices;
  if (!media?.addEventListener) return () => undefined;
  let known: Map<string, MediaDeviceInfo> | undefined;
  const look = async (): Promise<void> => {
    const now = new Map((await media.enumerateDevices()).map((one) => [`${one.kind}/${one.deviceId}`, one]));
    const before = known;
    known = now;
    if (before === undefined) return;
    for (const [name, device] of now) {
      if (!before.has(name))
        emitter.emit("device-changed", { type: TYPES[device.kind], action: "add", device });
    }
    for (const [name, device] of before) {
      if (!now.has(name))
        emitter.emit("device-changed", { type: TYPES[device.kind], action: "remove", device });
    }
  };
  const changed = (): void => void look().catch(() => undefined);
  changed();
  media.addEventListener("devicechange", changed);
  return () => media.removeEventListener("devicechange", changed);
}
