/**
 * What has no stored form. Each check leaves `place` at what it refuses.
 *
 * @module
 */

import { pathOf, type Place, StateSerializationError } from "./path.ts";

/**
 * Every level costs stack, and what one process could just write, another must be able to read
 * from deeper in its own stack.
 */
const maxDepth = 1_000;

/** Listing keys costs a string per byte, so what is added to more bytes than this goes unseen. */
const maxBytesListed = 1_024;

export function refusal(place: Place, reason: string): StateSerializationError {
  const advice = "keep data only, or convert it before returning it from a node";
  return new StateSerializationError(pathOf(place), `${reason}; ${advice}`);
}

/** Locates an error that is not a refusal: of a proxy's trap, an impostor of a class, the stack. */
export function unreadable(place: Place, error: unknown): StateSerializationError {
  if (error instanceof StateSerializationError) return error;
  const reason = `reading it failed with ${error}`;
  return new StateSerializationError(pathOf(place), reason, { cause: error });
}

/** Refuses a container that holds itself or is too deep, before a walk enters it from `parent`. */
export function refuseEndless(container: object, parent: Place): void {
  for (let above = parent; above.parent !== undefined; above = above.parent) {
    if (above.container === container) {
      const reason = `it is ${pathOf(above.parent)} again, and a cycle has no stored form`;
      throw new StateSerializationError(pathOf(parent), `${reason}; store an id in its place`);
    }
  }
  if (parent.depth === maxDepth) {
    const reason = `it is more than ${maxDepth} levels deep; store a flat list, with ids as links`;
    throw new StateSerializationError(pathOf(parent), reason);
  }
}

export function refuseSymbolKeys(container: object, place: Place): void {
  const symbol = Object.getOwnPropertySymbols(container)[0];
  if (symbol === undefined) return;
  place.step = () => `[${String(symbol)}]`;
  throw refusal(place, "a symbol key has no stored form");
}

/** Refuses properties besides the items, which `JSON.stringify` would drop. */
export function refuseAdditions(container: object, itemCount: number, place: Place): void {
  if (itemCount > maxBytesListed && container instanceof Uint8Array) return;
  // Own keys begin with the indices, in order.
  const added = Object.keys(container)[itemCount];
  if (added === undefined) return;
  place.step = added;
  throw refusal(place, `a property added to ${className(container)} has no stored form`);
}

export function refuseInstance(container: object, place: Place): never {
  throw refusal(place, `${className(container)} has no stored form`);
}

function className(container: object): string {
  const prototype: object | null = Object.getPrototypeOf(container);
  const owner = prototype && Object.getOwnPropertyDescriptor(prototype, "constructor")?.value;
  return owner?.name ? `an instance of ${owner.name}` : "an object with a prototype of its own";
}

/** The value of an own property. A getter is refused, not called. */
export function ownValue(container: object, key: string | number, place: Place): unknown {
  const property = Object.getOwnPropertyDescriptor(container, key);
  if (property === undefined) throw refusal(place, "a hole in an array has no stored form");
  if (property.get ?? property.set) throw refusal(place, "a getter or setter is no data");
  return property.value;
}

const getterOf: (this: object, key: number) => unknown = Reflect.get(
  Object.prototype,
  "__lookupGetter__",
);

/** As `ownValue`, for an array: asking for the getter costs a third of asking for a descriptor. */
export function itemAt(array: readonly unknown[], index: number, place: Place): unknown {
  if (getterOf.call(array, index) !== undefined) return ownValue(array, index, place);
  return array[index] ?? ownValue(array, index, place);
}
