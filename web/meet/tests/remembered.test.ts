// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { idAmong, remember, remembered, type Store } from "../src/remembered";

/** `localStorage`, in memory. */
class Memory implements Store {
  readonly items = new Map<string, string>();

  getItem(name: string): string | null {
    return this.items.get(name) ?? null;
  }

  setItem(name: string, value: string): void {
    this.items.set(name, value);
  }
}

const HEADSET = { id: "a1", label: "Headset" };

describe("what a browser remembers", () => {
  it("is a name, devices and whether they are on", () => {
    const store = new Memory();
    remember({ name: "Ana" }, store);
    remember({ microphone: HEADSET, cameraOn: false }, store);
    expect(remembered(store)).toEqual({
      name: "Ana",
      camera: null,
      microphone: HEADSET,
      speaker: null,
      cameraOn: false,
      microphoneOn: true,
    });
  });

  it.each([
    ["nothing", undefined],
    ["no JSON", "{"],
    ["null", "null"],
    ["a list", "[1]"],
    ["other types", '{"name":7,"camera":"x","microphone":{"id":3},"speaker":{"label":"y"},"cameraOn":"no"}'],
  ])("is as on a first visit when %s is stored", (_what, stored) => {
    const store = new Memory();
    if (stored !== undefined) store.setItem("sealroom-choices", stored);
    expect(remembered(store)).toEqual(remembered(new Memory()));
  });

  it("keeps nothing else that was stored beside it", () => {
    const store = new Memory();
    store.setItem("sealroom-choices", '{"name":"Ana","userSig":"secret"}');
    remember({ cameraOn: true }, store);
    expect([...store.items.values()].join()).not.toContain("secret");
  });

  it("may be forbidden", () => {
    const forbidden: Store = {
      getItem: () => {
        throw new DOMException("denied", "SecurityError");
      },
      setItem: () => {
        throw new DOMException("denied", "SecurityError");
      },
    };
    expect(() => remember({ name: "Ana" }, forbidden)).not.toThrow();
    expect(remembered(forbidden).name).toBe("");
  });
});

describe("a remembered device", () => {
  const builtIn = { deviceId: "b2", label: "Built-in" };

  it("is found by its id", () => {
    expect(idAmong(HEADSET, [builtIn, { deviceId: "a1", label: "" }])).toBe("a1");
  });

  it("is found by its label when the browser gives it another id", () => {
    expect(idAmong(HEADSET, [builtIn, { deviceId: "c3", label: "Headset" }])).toBe("c3");
  });

  it("that is gone leaves the choice to the browser", () => {
    expect(idAmong(HEADSET, [builtIn])).toBe("");
    expect(idAmong({ id: "a1", label: "" }, [{ deviceId: "d4", label: "" }])).toBe("");
    expect(idAmong(null, [builtIn])).toBe("");
  });
});
