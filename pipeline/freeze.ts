/**
 * Freezing what enters a state, so that an unchanged field is known by its identity.
 *
 * @module
 */

const frozen = new WeakSet<object>();

type Fields = { readonly [field: string]: unknown };

/**
 * Freezes plain objects and arrays all the way down, each one once. Other objects (Date, Map, a
 * class's) stay as they are: the language cannot freeze what they hold.
 */
export function deepFreeze<T>(value: T): T {
  if (isFreezable(value) && !frozen.has(value)) freezeNew(value);
  return value;
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
      for (let index = before.length; index < value.length; index++) deepFreeze(value[index]);
      frozen.add(Object.freeze(value));
    } else {
      deepFreeze(value);
    }
  }
  return Object.freeze(state);
}

/** Whether a list begins with the very items of another one. */
export function startsWith(list: readonly unknown[], head: readonly unknown[]): boolean {
  if (list.length < head.length) return false;
  for (let index = 0; index < head.length; index++) {
    if (!Object.is(list[index], head[index])) return false;
  }
  return true;
}

function freezeNew(value: object): void {
  frozen.add(Object.freeze(value));
  for (const part of Object.values(value)) deepFreeze(part);
}

function isFreezable(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value)) return true;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
