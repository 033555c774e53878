/**
 * The reducers that most states need, and folding an update into a state with them.
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

/**
 * Folds an update into a state: a new object, the old one untouched. `undefined` clears a field
 * that is replaced, and leaves alone a field that has a reducer.
 */
export function fold<State extends object>(
  state: State,
  update: object,
  reducers: ReadonlyMap<string, AnyReducer>,
): State {
  const next = { ...state };
  const fields = next as Fields;
  const values = update as Fields;
  for (const field of Object.keys(values)) {
    const reducer = reducers.get(field);
    const value = values[field];
    if (reducer === undefined) setField(fields, field, value);
    else if (value !== undefined) setField(fields, field, reducer(ownField(fields, field), value));
  }
  return next;
}

type Fields = { [field: string]: unknown };

/** Sets a property as data, also where it is called `__proto__`; `undefined` takes it away. */
function setField(target: Fields, field: string, value: unknown): void {
  if (value === undefined) {
    delete target[field];
  } else if (field === "__proto__") {
    const asData = { value, writable: true, enumerable: true, configurable: true };
    Object.defineProperty(target, field, asData);
  } else {
    target[field] = value;
  }
}

/** A field's value; what every object inherits is no field. */
function ownField(fields: Fields, field: string): unknown {
  return Object.hasOwn(fields, field) ? fields[field] : undefined;
}
