/**
 * The reducers that most states need.
 *
 * @module
 */

/** A reducer as the engine calls it: what it takes and gives was checked by the compiler. */
export type AnyReducer = (current: unknown, update: unknown) => unknown;

/** Takes the update as the new value; what a field without a reducer does. */
export function replace<T>(_current: T, update: T): T {
  return update;
}

/**
 * Adds one item at the end of a list.
 *
 * @example
 * ```ts
 * import { append } from "@firefly/pipeline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(append(["a"], "b"), ["a", "b"]);
 * ```
 */
export function append<T>(list: readonly T[] | undefined, item: T): T[] {
  return list === undefined ? [item] : [...list, item];
}

/**
 * Adds many items at the end of a list.
 *
 * @example
 * ```ts
 * import { extend } from "@firefly/pipeline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(extend(["a"], ["b", "c"]), ["a", "b", "c"]);
 * ```
 */
export function extend<T>(list: readonly T[] | undefined, items: readonly T[]): T[] {
  return list === undefined ? [...items] : [...list, ...items];
}

/**
 * Sets the given properties of an object and keeps the others.
 *
 * @example
 * ```ts
 * import { merge } from "@firefly/pipeline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(merge({ a: 1, b: 2 }, { b: 3 }), { a: 1, b: 3 });
 * ```
 */
export function merge<T extends object>(current: T | undefined, update: Partial<T>): T;
export function merge(current: object | undefined, update: object): object {
  return { ...current, ...update };
}
