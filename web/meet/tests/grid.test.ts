// SPDX-License-Identifier: Apache-2.0

import { describe, expect, it } from "vitest";
import { gridFor } from "../src/view/tiles/grid";

describe("the grid of tiles", () => {
  it.each([
    [1, 1],
    [2, 2],
    [4, 2],
    [5, 3],
    [9, 3],
    [10, 4],
    [16, 4],
    [17, 5],
    [25, 5],
  ])("of %i tiles has %i columns", (count, columns) => {
    expect(gridFor(count, 0).style["--columns"]).toBe(String(columns));
  });

  it("puts a last row that is not full in the middle", () => {
    const grid = gridFor(3, 0);
    expect([0, 1, 2].map((place) => grid.columnOf(place))).toEqual(["", "", "2"]);
    expect(gridFor(5, 0).columnOf(3)).toBe("2");
    expect(gridFor(4, 0).columnOf(2)).toBe("");
  });

  it("never lets a row be wider than the grid", () => {
    for (let count = 1; count <= 25; count++) {
      const grid = gridFor(count, 0);
      const columns = Number(grid.style["--columns"]);
      const rest = count % columns;
      if (rest > 0)
        expect(Number(grid.columnOf(count - rest)) - 1 + 2 * rest).toBeLessThanOrEqual(2 * columns);
      expect(columns * columns).toBeGreaterThanOrEqual(count);
    }
  });

  it("gives a shared screen the height of the strip beside it", () => {
    expect(gridFor(4, 1).style).toEqual({ "--columns": "1", "--rows": "3", "--span": "3" });
    expect(gridFor(13, 1).style).toMatchObject({ "--columns": "2", "--rows": "6", "--span": "6" });
    expect(gridFor(4, 2).style).toMatchObject({ "--span": "1" });
  });
});
