import { isDeepStrictEqual } from "node:util";

/** The pairs that are being compared: meeting one again, in a cycle, counts as equal. */
type OpenPairs = Map<object, Set<object>>;

/**
 * Deep equality as @std/assert means it: 0 equals -0, NaN equals NaN, an object without a
 * prototype is a plain one, Map and Set have no order, functions are equal to themselves only.
 */
export function equal(a: unknown, b: unknown): boolean {
  return same(a, b, new Map());
}

export function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function same(a: unknown, b: unknown, open: OpenPairs): boolean {
  if (a === b || Object.is(a, b)) return true;
  if (!isObject(a) || !isObject(b)) return false;
  if (a instanceof Date && b instanceof Date) return Object.is(a.getTime(), b.getTime());
  if (prototypeOf(a) !== prototypeOf(b)) return false;
  if (a instanceof RegExp || a instanceof URL) return String(a) === String(b);
  if (ArrayBuffer.isView(a) || a instanceof ArrayBuffer) return isDeepStrictEqual(a, b);
  if (open.get(a)?.has(b)) return true;
  if (Object.keys(a).length !== Object.keys(b).length) return false;

  const partners = open.get(a) ?? new Set();
  open.set(a, partners.add(b));
  const result = sameContent(a, b, open);
  partners.delete(b);
  return result;
}

function prototypeOf(value: object): unknown {
  return Object.getPrototypeOf(value) ?? Object.prototype;
}

function sameContent(a: object, b: object, open: OpenPairs): boolean {
  if (a instanceof Map && b instanceof Map) return sameMap(a, b, open);
  if (a instanceof Set && b instanceof Set) return sameSet(a, b, open);
  const keys = keysOf(a).union(keysOf(b));
  return [...keys].every((key) =>
    (key in a) === (key in b) && same(Reflect.get(a, key), Reflect.get(b, key), open)
  );
}

function sameMap(
  a: ReadonlyMap<unknown, unknown>,
  b: ReadonlyMap<unknown, unknown>,
  open: OpenPairs,
): boolean {
  return a.size === b.size &&
    [...a].every(([key, value]) =>
      isObject(key)
        ? [...b].some(([other, found]) => same(key, other, open) && same(value, found, open))
        : b.has(key) && same(value, b.get(key), open)
    );
}

function sameSet(a: ReadonlySet<unknown>, b: ReadonlySet<unknown>, open: OpenPairs): boolean {
  return a.size === b.size &&
    [...a].every((item) =>
      b.has(item) || isObject(item) && [...b].some((other) => same(item, other, open))
    );
}

/** An instance of a class is compared by what it inherits too, getters for example. */
function keysOf(value: object): Set<PropertyKey> {
  const prototype = prototypeOf(value);
  if (prototype === Object.prototype || prototype === Array.prototype) {
    return new Set(Reflect.ownKeys({ ...value }));
  }
  const keys = new Set<PropertyKey>();
  for (
    let owner: object | null = value;
    owner && owner !== Object.prototype && owner !== Array.prototype;
    owner = Reflect.getPrototypeOf(owner)
  ) {
    for (const key of Reflect.ownKeys(owner)) keys.add(key);
  }
  return keys;
}
