// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { ExtraCode } from "../src/errors";
import { SoundOutput } from "../src/media/output";

/** An <audio> element that knows the loudspeakers of a machine. */
class Element {
  sinkId = "";

  constructor(private readonly there: ReadonlySet<string>) {}

  async setSinkId(deviceId: string): Promise<void> {
    if (deviceId !== "" && !this.there.has(deviceId)) throw new DOMException("gone", "NotFoundError");
    this.sinkId = deviceId;
  }
}

describe("the loudspeaker", () => {
  it("plays what sounds now and what comes later", async () => {
    const there = new Set(["headset"]);
    const [now, later, gone] = [new Element(there), new Element(there), new Element(there)];
    const output = new SoundOutput();
    output.add(now);
    output.add(gone);
    output.remove(gone);
    await output.choose("headset");
    output.add(later);
    expect([now.sinkId, later.sinkId, gone.sinkId]).toEqual(["headset", "headset", ""]);
  });

  it("that is gone is told, and the one before plays on", async () => {
    const there = new Set(["headset"]);
    const [one, fresh] = [new Element(there), new Element(there)];
    const output = new SoundOutput();
    output.add(one);
    await output.choose("headset");
    await expect(output.choose("dock")).rejects.toMatchObject({
      extraCode: ExtraCode.DEVICE_NOT_FOUND,
      action: "Choose another loudspeaker.",
    });
    output.add(fresh);
    expect([one.sinkId, fresh.sinkId]).toEqual(["headset", "headset"]);
  });

  it("cannot be chosen in every browser", async () => {
    const output = new SoundOutput();
    output.add({});
    await expect(output.choose("headset")).rejects.toMatchObject({ reason: "no_set_sink_id" });
  });
});
