// SPDX-License-Identifier: Apache-2.0
import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { conditions: ["source", "module", "node"] },
  test: { include: ["sdk/tests/**/*.test.ts", "meet/tests/**/*.test.ts"] },
});
