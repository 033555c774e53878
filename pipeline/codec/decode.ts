/**
 * Plain JSON as the state it stands for.
 *
 * @module
 */

import type { Json, JsonObject } from "../json.ts";
import { fromBase64 } from "./base64.ts";
import { tagOf } from "./encode.ts";
import {
  mapKeyStep,
  mapValueStep,
  pathOf,
  type Place,
  placeIn,
  rootPlace,
  setMemberStep,
  StateSerializationError,
} from "./path.ts";
import { rewriteArray, rewriteRecord } from "./rewrite.ts";

/**
 * The value that `encode` was given. **The very same object is returned** when nothing in it is a
 * tag, and only what leads to a tag is copied. An object whose one key begins with `$` and is none
 * of the codec's tags is data.
 *
 * @param json What was stored; it is never changed.
 * @param path What the paths in errors begin with.
 * @throws {StateSerializationError} If there is something under a tag that `encode` does not write
 * there, or if nesting is so deep that the stack ends.
 */
export function decode(json: Json, path = "state"): unknown {
  return decodeValue(json, rootPlace(path));
}

function decodeValue(json: Json | undefined, parent: Place): unknown {
  if (typeof json !== "object" || json === null) return json;
  const place = placeIn(json, parent);
  try {
    return isArray(json) ? decodeArray(json, place) : decodeObject(json, place);
  } catch (error) {
    if (error instanceof StateSerializationError) throw error;
    throw unrestorable(place, `reading it failed with ${error}`, error);
  }
}

function unrestorable(place: Place, reason: string, cause: unknown): StateSerializationError {
  return new StateSerializationError(pathOf(place), reason, { cause, verb: "restore" });
}

function isArray(json: Json | undefined): json is readonly Json[] {
  return Array.isArray(json);
}

function decodeArray(source: readonly Json[], place: Place): unknown {
  return rewriteArray(source, (index) => {
    place.step = index;
    return decodeValue(source[index], place);
  });
}

function decodeObject(source: JsonObject, place: Place): unknown {
  const tag = tagOf(Object.keys(source));
  const read = tag === undefined ? undefined : readers.get(tag);
  if (tag === undefined || read === undefined) return decodeRecord(source, place);
  try {
    return read(source[tag], place);
  } catch (error) {
    // A RangeError is the end of the stack.
    if (error instanceof StateSerializationError || error instanceof RangeError) throw error;
    const reason = `what is under ${tag} was not written by this codec`;
    const advice = "correct it there, or wrap data that only looks like a tag in $escaped";
    throw unrestorable(place, `${reason}; ${advice}`, error);
  }
}

function decodeRecord(source: JsonObject, place: Place): unknown {
  return rewriteRecord(source, Object.keys(source), (key) => {
    place.step = key;
    return decodeValue(source[key], place);
  });
}

/** From what is under a tag, the value; throws for what `encode` does not write there. */
type Reader = (content: Json | undefined, place: Place) => unknown;

const readers: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ["$undefined", (content) => content === true ? undefined : malformed("true")],
  [
    "$number",
    (content) => specialNumbers.get(content) ?? malformed("NaN, Infinity, -Infinity or -0"),
  ],
  ["$bigint", (content) => BigInt(bigintTextOf(content))],
  ["$text", (content) => textOf(JSON.parse(textOf(content)))],
  ["$date", (content) => content === null ? new Date(NaN) : readDate(textOf(content))],
  ["$url", (content) => new URL(textOf(content))],
  ["$bytes", (content) => fromBase64(textOf(content))],
  ["$map", readMap],
  ["$set", readSet],
  ["$entries", readEntries],
  ["$escaped", readEscaped],
]);

const specialNumbers: ReadonlyMap<unknown, number> = new Map([
  ["NaN", NaN],
  ["Infinity", Infinity],
  ["-Infinity", -Infinity],
  ["-0", -0],
]);

function readDate(text: string): Date {
  const date = new Date(text);
  const isExact = !Number.isNaN(date.getTime()) && date.toISOString() === text;
  return isExact ? date : malformed("a date as toISOString writes it");
}

function readMap(content: Json | undefined, place: Place): Map<unknown, unknown> {
  return new Map(
    listOf(content).map((pair, position) => {
      place.step = mapKeyStep(position);
      const [keyJson, valueJson] = pairOf(pair);
      const key = decodeValue(keyJson, place);
      place.step = mapValueStep(key, position);
      return [key, decodeValue(valueJson, place)];
    }),
  );
}

function readSet(content: Json | undefined, place: Place): Set<unknown> {
  return new Set(
    listOf(content).map((member, position) => {
      place.step = setMemberStep(position);
      return decodeValue(member, place);
    }),
  );
}

function readEntries(content: Json | undefined, place: Place): Record<string, unknown> {
  return Object.fromEntries(
    listOf(content).map((pair, position) => {
      place.step = position;
      const [keyJson, valueJson] = pairOf(pair);
      const key = textOf(decodeValue(keyJson, place));
      place.step = key;
      return [key, decodeValue(valueJson, place)];
    }),
  );
}

function readEscaped(content: Json | undefined, place: Place): unknown {
  const isTagLike = typeof content === "object" && content !== null && !isArray(content) &&
    tagOf(Object.keys(content)) !== undefined;
  return isTagLike ? decodeRecord(content, place) : malformed("an object that looks like a tag");
}

function listOf(content: Json | undefined): readonly Json[] {
  return isArray(content) ? content : malformed("a list");
}

function pairOf(content: Json): readonly Json[] {
  return isArray(content) && content.length === 2 ? content : malformed("a pair");
}

function textOf(content: unknown): string {
  return typeof content === "string" ? content : malformed("a text");
}

function bigintTextOf(content: unknown): string {
  const text = textOf(content);
  return /^(?:0|-?[1-9]\d*)$/.test(text) ? text : malformed("an integer in digits");
}

function malformed(expected: string): never {
  throw new TypeError(`Expected ${expected}`);
}
