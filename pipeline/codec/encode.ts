/**
 * A state as plain JSON.
 *
 * @module
 */

import type { Json, JsonObject } from "../json.ts";
import { toBase64 } from "./base64.ts";
import { mapKeyStep, mapValueStep, type Place, placeIn, rootPlace, setMemberStep } from "./path.ts";
import {
  itemAt,
  ownValue,
  refusal,
  refuseAdditions,
  refuseEndless,
  refuseInstance,
  refuseSymbolKeys,
  unreadable,
} from "./refusals.ts";
import { rewriteArray, rewriteRecord } from "./rewrite.ts";

/**
 * The plain JSON that stands for a value, such that `decode` gives an equal value back.
 *
 * JSON values stand for themselves: **the very same object is returned** when nothing in it needs
 * a tag, and only what leads to a tag is copied. A value that occurs twice is stored twice; an
 * object without a prototype comes back with one; properties that are not enumerable are left
 * out, as in a spread. `toJSON` is never called.
 *
 * @param value What to store; it is never changed.
 * @param path What the paths in errors begin with.
 * @returns JSON without NUL and without lone surrogates.
 * @throws {StateSerializationError} If something in it has no stored form: functions, symbols and
 * symbol keys, getters and setters, instances of classes other than `Date`, `Map`, `Set`,
 * `Uint8Array` and `URL` themselves, properties added to those or to arrays, holes in arrays,
 * cycles, and more than 1,000 levels. Properties added to over 1,024 bytes are left out instead:
 * listing them would cost a string per byte.
 */
export function encode(value: unknown, path = "state"): Json {
  return encodeValue(value, rootPlace(path));
}

function encodeValue(value: unknown, place: Place): Json {
  switch (typeof value) {
    case "string":
      return encodeText(value);
    case "number":
      if (Object.is(value, -0)) return { $number: "-0" };
      return Number.isFinite(value) ? value : { $number: String(value) };
    case "boolean":
      return value;
    case "undefined":
      return { $undefined: true };
    case "bigint":
      return { $bigint: String(value) };
    case "object":
      return value === null ? null : encodeObject(value, place);
    default:
      throw refusal(place, `a ${typeof value} has no stored form`);
  }
}

function encodeText(text: string): Json {
  return isStorable(text) ? text : { $text: JSON.stringify(text) };
}

function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes("\0");
}

/**
 * Whether JSON text brings a key back. V8 takes a key with an escape for another one whose text
 * begins alike, if it has just read that: after `{"a":0,"\\\\":0}`, `{"a":0,"\\n":0}` comes back with
 * the first one's keys (seen in Deno 2.5 to 2.9).
 */
export function isStorableKey(key: string): boolean {
  // deno-lint-ignore no-control-regex -- JSON escapes them
  return key.isWellFormed() && !/["\\\u0000-\u001f]/.test(key);
}

function encodeObject(value: object, parent: Place): Json {
  refuseEndless(value, parent);
  const place = placeIn(value, parent);
  try {
    if (Array.isArray(value)) return encodeArray(value, place);
    return isRecord(value) ? encodeRecord(value, place) : encodeBuiltIn(value, place);
  } catch (error) {
    throw unreadable(place, error);
  }
}

function isRecord(value: object): value is Record<string, unknown> {
  const prototype: object | null = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function encodeArray(source: readonly unknown[], place: Place): Json {
  if (Object.getPrototypeOf(source) !== Array.prototype) return refuseInstance(source, place);
  refuseSymbolKeys(source, place);
  refuseAdditions(source, source.length, place);
  const encoded = rewriteArray(source, (index) => {
    place.step = index;
    return encodeValue(itemAt(source, index, place), place);
  });
  return encoded as readonly Json[]; // since encodeValue gave every item
}

function encodeRecord(source: Record<string, unknown>, place: Place): Json {
  refuseSymbolKeys(source, place);
  const keys = Object.keys(source);
  const encoded = rewriteRecord(source, keys, (key) => {
    place.step = key;
    return encodeValue(ownValue(source, key, place), place);
  }) as JsonObject; // since encodeValue gave every value
  if (keys.every(isStorableKey)) return tagOf(keys) === undefined ? encoded : { $escaped: encoded };
  return { $entries: Object.entries(encoded).map(([key, value]) => [encodeText(key), value]) };
}

/** The one key of what is a tagged value or looks like one. */
export function tagOf(keys: readonly string[]): string | undefined {
  return keys.length === 1 && keys[0]?.startsWith("$") ? keys[0] : undefined;
}

const builtIns: ReadonlySet<unknown> = new Set([
  Date.prototype,
  Map.prototype,
  Set.prototype,
  Uint8Array.prototype,
  URL.prototype,
]);

function encodeBuiltIn(value: object, place: Place): Json {
  if (!builtIns.has(Object.getPrototypeOf(value))) return refuseInstance(value, place);
  refuseAdditions(value, value instanceof Uint8Array ? value.length : 0, place);
  // Deno keeps a symbol of its own in each URL.
  if (value instanceof URL) return { $url: value.href };
  refuseSymbolKeys(value, place);
  if (value instanceof Map) return { $map: encodeEntries(value, place) };
  if (value instanceof Set) return { $set: encodeMembers(value, place) };
  if (value instanceof Uint8Array) return { $bytes: toBase64(value) };
  if (value instanceof Date) {
    return { $date: Number.isNaN(value.getTime()) ? null : value.toISOString() };
  }
  return refuseInstance(value, place);
}

function encodeEntries(map: ReadonlyMap<unknown, unknown>, place: Place): Json {
  return Array.from(map, ([key, value], position) => {
    place.step = mapKeyStep(position);
    const encodedKey = encodeValue(key, place);
    place.step = mapValueStep(key, position);
    return [encodedKey, encodeValue(value, place)];
  });
}

function encodeMembers(set: ReadonlySet<unknown>, place: Place): Json {
  return Array.from(set, (member, position) => {
    place.step = setMemberStep(position);
    return encodeValue(member, place);
  });
}
