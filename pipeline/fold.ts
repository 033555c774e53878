/**
 * Folding updates into a state with the reducers of its fields.
 *
 * @module
 */

import { type Fields as AnyFields, ownField, setField } from "./fields.ts";
import { growList } from "./grown_list.ts";
import { type AnyReducer, append, extend } from "./reducers.ts";

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
  const growing = makeGrowing(reducers);
  foldInto(next as Fields, update as Fields, reducers, growing);
  endGrowth(next as Fields, growing);
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
  const growing = makeGrowing(reducers);
  for (let index = 0; index < updates.length; index++) {
    const update = updates[index];
    if (update === undefined) continue;
    try {
      foldInto(next as Fields, update as Fields, reducers, growing);
    } catch (cause) {
      throw new FoldError(index, { cause });
    }
  }
  endGrowth(next as Fields, growing);
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

type Fields = AnyFields<unknown>;

/**
 * What a fold adds to lists, by field. The lists are made at its end, each one once, so that a
 * fan-out of 1,000 does not copy its results 1,000 times.
 */
type Growing = Map<string, Growth>;

/** A state without reducers has no list that grows: most steps are spared a map. */
const NONE_GROWING: Growing = new Map();

function makeGrowing(reducers: ReadonlyMap<string, AnyReducer>): Growing {
  return reducers.size === 0 ? NONE_GROWING : new Map();
}

interface Growth {
  /** The list as it was before the fold. */
  readonly list: readonly unknown[];
  /** What comes after it. */
  readonly added: unknown[];
}

function foldInto(
  fields: Fields,
  update: Fields,
  reducers: ReadonlyMap<string, AnyReducer>,
  growing: Growing,
): void {
  for (const field of Object.keys(update)) {
    const reducer = reducers.get(field);
    const value = update[field];
    if (reducer === undefined) {
      putField(fields, field, value);
    } else if (value !== undefined) {
      const growth = growthOf(fields, field, reducer, growing);
      if (growth === undefined) putField(fields, field, reducer(ownField(fields, field), value));
      else if (reducer === append) growth.added.push(value);
      else for (const item of value as Iterable<unknown>) growth.added.push(item);
    }
  }
}

/** Where to put what `append` and `extend` are to add to a list; nothing for other reducers. */
function growthOf(
  fields: Fields,
  field: string,
  reducer: AnyReducer,
  growing: Growing,
): Growth | undefined {
  if (reducer !== append && reducer !== extend) return undefined;
  const known = growing.get(field);
  if (known !== undefined) return known;
  const current = ownField(fields, field);
  const list = current === undefined ? [] : current;
  if (!Array.isArray(list)) return undefined;
  const growth: Growth = { list, added: [] };
  growing.set(field, growth);
  // A new field takes its place among the others now.
  setField(fields, field, list);
  return growth;
}

function endGrowth(fields: Fields, growing: Growing): void {
  if (growing.size === 0) return;
  for (const [field, { list, added }] of growing) setField(fields, field, growList(list, added));
}

/** Gives a field its value; `undefined` takes it away. */
function putField(fields: Fields, field: string, value: unknown): void {
  if (value === undefined) delete fields[field];
  else setField(fields, field, value);
}
