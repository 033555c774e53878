/**
 * What the codec's property tests run on: every kind of value a state can hold, nested at random,
 * and an equality that overlooks nothing.
 *
 * @module
 */

import fc from "fast-check";

const codeUnits = fc.string({
  unit: fc.oneof(
    fc.constantFrom("\0", "\ud800", "\udfff", "\\", '"', "u", "$"),
    fc.nat(0xffff).map((code) => String.fromCharCode(code)),
  ),
  maxLength: 6,
});

const hostileTexts = fc.constantFrom(
  ...["", "\0", "a\0b", "\ud800", "\udc00\ud800", "\ud83d\ude00", "\\u0000", "\\ud800", "null"],
  ...["__proto__", "constructor", "toString", "toJSON", "then", "length", "0", "-1"],
  ...["$", "$$", "$unknown", "$undefined", "$number", "$bigint", "$text", "$date", "$url"],
  ...["$bytes", "$map", "$set", "$entries", "$escaped", "$\0", "$\ud800"],
);

const texts = fc.oneof(hostileTexts, codeUnits, fc.string({ unit: "binary", maxLength: 8 }));

const leaves: fc.Arbitrary<unknown> = fc.oneof(
  texts,
  fc.constantFrom(null, undefined, true, false, NaN, Infinity, -Infinity, 0, -0),
  fc.double(),
  fc.integer(),
  fc.bigInt(),
  fc.date({ noInvalidDate: false }),
  fc.uint8Array({ maxLength: 40 }),
  fc.webUrl({ withFragments: true, withQueryParameters: true }).map((text) => new URL(text)),
);

/** Any value that the codec stores. */
export const storableValues: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => {
  const value = tie("value");
  const record = (min: number, max: number) =>
    fc.array(fc.tuple(texts, value), { minLength: min, maxLength: max }).map(Object.fromEntries);
  return {
    value: fc.oneof(
      { maxDepth: 5, depthSize: "medium" },
      leaves,
      record(0, 4),
      record(1, 1),
      fc.array(value, { maxLength: 4 }),
      fc.array(fc.tuple(value, value), { maxLength: 3 }).map((entries) => new Map(entries)),
      fc.array(value, { maxLength: 4 }).map((members) => new Set(members)),
    ),
  };
}).value;

/** Any value that is its own stored form. */
export const plainValues: fc.Arbitrary<unknown> = fc.jsonValue({ stringUnit: "grapheme" })
  .map((value) => JSON.stringify(value)) // writes -0 as 0
  .filter((text) => !/\{"\$|\\/.test(text))
  .map((text) => JSON.parse(text));

/** Equal to the last bit: `-0` is not 0, and maps, sets and records have an order. */
export function isSame(a: unknown, b: unknown): boolean {
  if (!isObject(a) || !isObject(b)) return Object.is(a, b);
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (a instanceof URL && b instanceof URL) return a.href === b.href;
  if (a instanceof Date && b instanceof Date) return Object.is(a.getTime(), b.getTime());
  const [parts, others] = [partsOf(a), partsOf(b)];
  return parts.length === others.length &&
    parts.every((part, index) => isSame(part, others[index]));
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function partsOf(value: object): unknown[] {
  if (value instanceof Map) return [...value].flat();
  if (value instanceof Set || value instanceof Uint8Array) return [...value];
  return Object.entries(value).flat();
}
