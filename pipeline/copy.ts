/**
 * Copying what a caller hands in, so that a run never shares data with its caller.
 *
 * @module
 */

/**
 * A deep copy of all data that a state may hold. What has no stored form is taken as it is: without
 * a checkpointer it may pass, with one it is refused when it is stored.
 */
export function copyData<T>(value: T): T;
export function copyData(value: unknown): unknown {
  return copyPart(value, new Map());
}

function copyPart(value: unknown, copies: Map<unknown, unknown>): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (copies.has(value)) return copies.get(value);
  if (Array.isArray(value)) return copyParts(value, [...value], copies);
  switch (Object.getPrototypeOf(value)) {
    case Object.prototype:
    case null:
      return copyParts(value, { ...value }, copies);
    case Date.prototype:
    case URL.prototype:
    case Uint8Array.prototype:
      return copyBuiltIn(value);
    case Map.prototype:
    case Set.prototype:
      return copyCollection(value, copies);
    default:
      return value;
  }
}

/** Replaces the parts of a shallow copy by copies of their own. */
function copyParts(value: object, copy: object, copies: Map<unknown, unknown>): object {
  copies.set(value, copy);
  for (const [key, part] of Object.entries(copy)) {
    const partCopy = copyPart(part, copies);
    // Defined, not assigned: a key may be `__proto__`.
    if (partCopy !== part) Object.defineProperty(copy, key, { value: partCopy });
  }
  return copy;
}

function copyBuiltIn(value: object): object {
  if (value instanceof Date) return new Date(value);
  if (value instanceof URL) return new URL(value);
  return value instanceof Uint8Array ? value.slice() : value;
}

function copyCollection(value: object, copies: Map<unknown, unknown>): object {
  if (value instanceof Map) {
    const copy = new Map<unknown, unknown>();
    copies.set(value, copy);
    for (const [key, item] of value) copy.set(copyPart(key, copies), copyPart(item, copies));
    return copy;
  }
  if (!(value instanceof Set)) return value;
  const copy = new Set<unknown>();
  copies.set(value, copy);
  for (const item of value) copy.add(copyPart(item, copies));
  return copy;
}
