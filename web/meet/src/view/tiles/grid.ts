// SPDX-License-Identifier: Apache-2.0
// How 1 to 25 tiles share the stage.

/** What the list of tiles and each tile is given. The style sheet uses `--columns` wide and `--narrow` on phones. */
export interface Grid {
  readonly style: Readonly<Record<string, string>>;
  readonly presenting: boolean;
  /** CSS `grid-column-start` of the tile at a place; empty where it follows the one before. */
  columnOf(place: number): string;
}

/** The grid of `count` tiles, the first `large` of which get most of the room, and the others a strip. */
export function gridFor(count: number, large: number): Grid {
  if (large > 0) {
    const strip = Math.max(1, count - large);
    const columns = strip > 12 ? 3 : strip > 5 ? 2 : 1;
    const rows = Math.max(Math.ceil(strip / columns), large);
    const style = {
      "--columns": String(columns),
      "--rows": String(rows),
      "--span": String(Math.floor(rows / large)),
    };
    return { style, presenting: true, columnOf: () => "" };
  }
  const columns = Math.ceil(Math.sqrt(count));
  const narrow = count <= 3 ? 1 : count <= 8 ? 2 : 3;
  const rest = count % columns;
  return {
    style: { "--columns": String(columns), "--narrow": String(narrow) },
    presenting: false,
    // Every tile is two tracks wide, so that a last row that is not full can stand in the middle.
    columnOf: (place) => (rest > 0 && place === count - rest ? String(columns - rest + 1) : ""),
  };
}
