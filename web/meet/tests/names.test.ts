// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { initialsOf, nameOf, userIdFor } from "../src/names";

describe("user ids", () => {
  it.each(["Alice", "Ana María López", "  x  ", "李雷", "<script>", "a".repeat(100), "o'Neil-123456", ""])(
    "made of %j are valid",
    (name) => {
      expect(userIdFor(name)).toMatch(/^[a-zA-Z0-9_-]{1,32}$/);
    },
  );

  it("begin with the name, and give it back", () => {
    expect(userIdFor("Ana María López")).toMatch(/^Ana_Maria_Lopez-[a-z0-9]{6}$/);
    expect(nameOf("Ana_Maria_Lopez-abc123")).toBe("Ana Maria Lopez");
    expect(nameOf(userIdFor("李雷"))).toBe("guest");
    expect(nameOf("recorder")).toBe("recorder");
  });

  it("of one name differ", () => {
    expect(new Set(Array.from({ length: 50 }, () => userIdFor("Bob"))).size).toBe(50);
  });

  it("have initials", () => {
    expect(initialsOf("Ana_Maria_Lopez-abc123")).toBe("AM");
  });
});
