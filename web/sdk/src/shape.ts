// SPDX-License-Identifier: Apache-2.0
// Checks of what came over a line, before anything believes its type.

/** The value has not the shape it should have. */
export class WrongShape extends Error {}

/** Returns the value as `T`, or throws WrongShape. */
export type Shape<T> = (value: unknown) => T;

/** A text of at most `longest` characters, counted as the server counts them: an emoji is one of them, and two of JavaScript's. */
export const text =
  (longest = Number.POSITIVE_INFINITY): Shape<string> =>
  (value) => {
    if (typeof value !== "string" || isLonger(value, longest)) throw new WrongShape("no text");
    return value;
  };

function isLonger(value: string, longest: number): boolean {
  if (value.length <= longest) return false;
  // One character is at most two of them.
  return value.length > 2 * longest || [...value].length > longest;
}

/** A whole number in `least ..= most`. */
export const whole =
  (least = 0, most = Number.MAX_SAFE_INTEGER): Shape<number> =>
  (value) => {
    if (!Number.isSafeInteger(value) || (value as number) < least || (value as number) > most) {
      throw new WrongShape("no whole number in range");
    }
    return value as number;
  };

export const flag: Shape<boolean> = (value) => {
  if (typeof value !== "boolean") throw new WrongShape("neither true nor false");
  return value;
};

export const oneOf =
  <const T extends readonly string[]>(...words: T): Shape<T[number]> =>
  (value) => {
    if (!words.includes(value as string)) throw new WrongShape("not one of the known words");
    return value as T[number];
  };

export const orNull =
  <T>(inner: Shape<T>): Shape<T | null> =>
  (value) =>
    value === null ? null : inner(value);

export const list =
  <T>(inner: Shape<T>, most: number): Shape<readonly T[]> =>
  (value) => {
    if (!Array.isArray(value) || value.length > most) throw new WrongShape("no list, or too long");
    return value.map(inner);
  };

type Fields<T> = { [K in keyof T]-?: Shape<T[K]> };

/** An object with exactly these fields; one that is not named is refused. */
export const object =
  <T extends object>(fields: Fields<T>, optional: ReadonlyArray<keyof T> = []): Shape<T> =>
  (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw new WrongShape("no object");
    const given = value as Record<string, unknown>;
    if (Object.keys(given).some((name) => !Object.hasOwn(fields, name)))
      throw new WrongShape("unknown field");
    const made: Partial<T> = {};
    for (const name of Object.keys(fields) as Array<keyof T & string>) {
      if (Object.hasOwn(given, name)) made[name] = fields[name](given[name]);
      else if (!optional.includes(name)) throw new WrongShape(`no field ${name}`);
    }
    return made as T;
  };

/** One of several objects, told apart by the word in `field`. */
export const tagged =
  <T>(field: string, shapes: Readonly<Record<string, Shape<T>>>): Shape<T> =>
  (value) => {
    const tag =
      typeof value === "object" && value !== null ? (value as Record<string, unknown>)[field] : null;
    const shape = typeof tag === "string" && Object.hasOwn(shapes, tag) ? shapes[tag] : undefined;
    if (shape === undefined) throw new WrongShape("unknown kind of message");
    return shape(value);
  };

/** Parses JSON and checks it; throws WrongShape for both kinds of fault. */
export function parse<T>(json: string, shape: Shape<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new WrongShape("no JSON");
  }
  return shape(value);
}
