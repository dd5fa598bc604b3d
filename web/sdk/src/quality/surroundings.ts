// SPDX-License-Identifier: Apache-2.0
// What the browser tells of the device beside its statistics: processor, memory, network, whether the page is in front.

import type { Signalling } from "../wire.gen";

const PRESSURES = ["nominal", "fair", "serious", "critical"] as const;
const MIB = 2 ** 20;

/** Chromium's, which the typings do not know. */
interface Extras {
  PressureObserver?: new (
    changed: (records: ReadonlyArray<{ state: string }>) => void,
  ) => { observe(source: "cpu", options: { sampleInterval: number }): Promise<void>; disconnect(): void };
}
interface Connection extends EventTarget {
  readonly type?: string;
}

/** What changed for the diary. */
export interface SurroundingsListener {
  networkChanged(network: Signalling.Network): void;
  visibilityChanged(hidden: boolean): void;
}

/** Watches the device from its making to `stop`. */
export class DeviceWatch {
  cpu: Signalling.Pressure | null = null;
  private wasHidden = document.hidden;
  private network: Signalling.Network | null;
  private readonly stops: Array<() => void> = [];

  constructor(private readonly listener: SurroundingsListener) {
    this.network = networkNow();
    this.listen(document, "visibilitychange", () => this.look());
    this.listen(globalThis, "online", () => this.lookAtNetwork());
    this.listen(globalThis, "offline", () => this.lookAtNetwork());
    const connection = connectionOf();
    if (connection?.addEventListener) this.listen(connection, "change", () => this.lookAtNetwork());
    this.watchProcessor();
  }

  /** Of now. `hidden` also if the page was in the back at any time since it was last asked. */
  read(): {
    cpu: Signalling.Pressure | null;
    memory: number | null;
    network: Signalling.Network | null;
    hidden: boolean;
  } {
    const hidden = this.wasHidden;
    this.wasHidden = document.hidden;
    return { cpu: this.cpu, memory: heap(), network: this.network, hidden: hidden || document.hidden };
  }

  stop(): void {
    for (const stop of this.stops.splice(0)) stop();
  }

  private look(): void {
    if (document.hidden) this.wasHidden = true;
    this.listener.visibilityChanged(document.hidden);
  }

  private lookAtNetwork(): void {
    const before = this.network;
    this.network = networkNow();
    // Without a name for it, only that there is one again can be told.
    if (this.network !== before) this.listener.networkChanged(this.network ?? "other");
  }

  private watchProcessor(): void {
    const { PressureObserver } = globalThis as Extras;
    if (PressureObserver === undefined) return;
    try {
      const observer = new PressureObserver((records) => {
        const state = records.at(-1)?.state;
        this.cpu = PRESSURES.find((one) => one === state) ?? null;
      });
      observer.observe("cpu", { sampleInterval: 2_000 }).catch(() => undefined);
      this.stops.push(() => observer.disconnect());
    } catch {
      // The page's permissions policy may forbid it.
    }
  }

  private listen(target: EventTarget, event: string, call: () => void): void {
    target.addEventListener(event, call);
    this.stops.push(() => target.removeEventListener(event, call));
  }
}

function connectionOf(): Connection | undefined {
  return (navigator as { connection?: Connection }).connection;
}

function networkNow(): Signalling.Network | null {
  if (!navigator.onLine) return "none";
  switch (connectionOf()?.type) {
    case "ethernet":
      return "wired";
    case "wifi":
      return "wifi";
    case "cellular":
      return "cellular";
    case "bluetooth":
    case "wimax":
    case "other":
      return "other";
    default:
      return null;
  }
}

function heap(): number | null {
  const used = (performance as { memory?: { usedJSHeapSize?: number } }).memory?.usedJSHeapSize;
  return used === undefined ? null : Math.round(used / MIB);
}
