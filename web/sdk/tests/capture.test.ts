// SPDX-License-Identifier: Apache-2.0
import { afterEach, describe, expect, it, vi } from "vitest";
import { ErrorCode, ExtraCode } from "../src/errors";
import { captureAudio, captureVideo } from "../src/media/capture";

/** A browser that refuses with this name. */
function refusing(name: string, message = ""): void {
  const getUserMedia = () => Promise.reject(new DOMException(message, name));
  vi.stubGlobal("navigator", { mediaDevices: { getUserMedia } });
}

describe("a browser that gives no camera or microphone", () => {
  afterEach(() => vi.unstubAllGlobals());

  it.each([
    ["NotAllowedError", ExtraCode.DEVICE_DENIED, "not allowed", "Allow the camera"],
    ["SecurityError", ExtraCode.DEVICE_DENIED, "not allowed", "Allow the camera"],
    ["NotFoundError", ExtraCode.DEVICE_NOT_FOUND, "There is no camera", "Connect a camera"],
    ["NotReadableError", ExtraCode.DEVICE_BUSY, "cannot be used now", "Close other programs"],
    ["OverconstrainedError", ExtraCode.DEVICE_OVERCONSTRAINED, "not there any more", "Choose another camera"],
    ["WhateverError", ExtraCode.DEVICE_OTHER, "failed", "Choose another camera"],
  ])("with %s is told so, and what to do", async (name, extraCode, message, action) => {
    refusing(name);
    await expect(captureVideo()).rejects.toMatchObject({
      code: ErrorCode.DEVICE_ERROR,
      extraCode,
      reason: name,
      message: expect.stringContaining(message),
      action: expect.stringContaining(action),
    });
  });

  it("because the system does not allow it sends the person to the system's settings", async () => {
    refusing("NotAllowedError", "Permission denied by system");
    await expect(captureAudio()).rejects.toMatchObject({
      extraCode: ExtraCode.DEVICE_DENIED,
      action: expect.stringContaining("system's settings"),
    });
  });

  it("because the page is not secure is told so", async () => {
    vi.stubGlobal("navigator", {});
    await expect(captureAudio()).rejects.toMatchObject({ reason: "insecure_page" });
  });
});
