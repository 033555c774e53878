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
  foldInto(next as Fields, update as Fields, reducers, undefined);
  return next;
}

/**
 * Folds the updates of a step into a state, in order.
 *
 * @throws {FoldError} If a reducer throws, with the index of the update.
 */
export function foldAll<State extends object>(
  state: State,
  updates: readonly (object | undefined)[],
  reducers: ReadonlyMap<string, AnyReducer>,
): State {
  const next = { ...state };
  const grown = new Set<unknown>();
  for (let index = 0; index < updates.length; index++) {
    const update = updates[index];
    if (update === undefined) continue;
    try {
      foldInto(next as Fields, update as Fields, reducers, grown);
    } catch (cause) {
      throw new FoldError(index, { cause });
    }
  }
  return next;
}

/** Thrown where a reducer threw; the cause is what it threw. */
export class FoldError extends Error {
  /** The update that could not be folded. */
  readonly index: number;

  /** Takes the index of the update. */
  constructor(index: number, options: ErrorOptions) {
    super("Cannot fold an update into the state", options);
    this.index = index;
  }
}

/**
 * @param grown Lists that this fold has made: nobody else has seen them, so that they can grow in
 * place, and a fan-out of 1,000 does not copy its results 1,000 times.
 */
function foldInto(
  fields: Fields,
  update: Fields,
  reducers: ReadonlyMap<string, AnyReducer>,
  grown: Set<unknown> | undefined,
): void {
  for (const field of Object.keys(update)) {
    const reducer = reducers.get(field);
    const value = update[field];
    if (reducer === undefined) {
      setField(fields, field, value);
    } else if (value !== undefined) {
      const current = ownField(fields, field);
      if (Array.isArray(current) && grown?.has(current)) {
        grow(current, reducer, value);
      } else {
        const folded = reducer(current, value);
        if (reducer === append || reducer === extend) grown?.add(folded);
        setField(fields, field, folded);
      }
    }
  }
}

/** Does to a list what `append` and `extend` do to a copy of it. */
function grow(list: unknown[], reducer: AnyReducer, value: unknown): void {
  if (reducer === append) list.push(value);
  else for (const item of value as Iterable<unknown>) list.push(item);
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
