/**
 * Freezing what enters a state, so that an unchanged field is known by its identity.
 *
 * @module
 */

import { noteGrowth, startsWith } from "./grown_list.ts";

/** What was frozen, and whether that leaves nothing in it that can still change. */
const frozen = new WeakMap<object, boolean>();

type Fields = { readonly [field: string]: unknown };

/**
 * Freezes plain objects and arrays all the way down, each one once. Other objects (Date, Map, a
 * class's) stay as they are: the language cannot freeze what they hold.
 */
export function deepFreeze<T>(value: T): T {
  freezePart(value);
  return value;
}

/** Whether nothing in a value that was frozen can change any more. */
export function isFixed(value: unknown): boolean {
  return typeof value !== "object" || value === null || frozen.get(value) === true;
}

/**
 * Freezes a state of which the previous version is frozen already: only fields that changed are
 * walked, and of a list that only grew, only what was added.
 */
export function freezeState<State extends object>(state: State, previous: object): State {
  const fields = state as Fields;
  const previousFields = previous as Fields;
  for (const field of Object.keys(fields)) {
    const value = fields[field];
    const before = previousFields[field];
    if (value === before) continue;
    if (Array.isArray(value) && Array.isArray(before) && startsWith(value, before)) {
      freezeGrown(value, before);
    } else {
      freezePart(value);
    }
  }
  return Object.freeze(state);
}

function freezeGrown(list: readonly unknown[], head: readonly unknown[]): void {
  let isAllFixed = isFixed(head);
  for (let index = head.length; index < list.length; index++) {
    if (!freezePart(list[index])) isAllFixed = false;
  }
  frozen.set(Object.freeze(list), isAllFixed);
  noteGrowth(list, head);
}

/** Freezes a value, and tells whether it is fixed now. */
function freezePart(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  const known = frozen.get(value);
  if (known !== undefined) return known;
  if (!isFreezable(value)) return false;
  // Not fixed until its parts are: it may be one of them.
  frozen.set(Object.freeze(value), false);
  let isAllFixed = true;
  for (const part of Object.values(value)) {
    if (!freezePart(part)) isAllFixed = false;
  }
  if (isAllFixed) frozen.set(value, true);
  return isAllFixed;
}

function isFreezable(value: object): boolean {
  if (Array.isArray(value)) return true;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
