/**
 * The encoded form of a run's state, kept up to date by encoding only what changed.
 *
 * @module
 */

import { encode, propertyPath, StateSerializationError } from "./codec.ts";
import { startsWith } from "./freeze.ts";
import type { Json, JsonObject } from "./json.ts";

/** A frozen state, and the JSON that stands for it. */
export interface EncodedState {
  /** The state. */
  readonly state: object;
  /** Its encoded form, one property a field. */
  readonly json: JsonObject;
}

/** What comes before a run's first state. */
export const NO_STATE: EncodedState = { state: {}, json: {} };

/**
 * Encodes a state of which the previous version is encoded already. Fields that did not change
 * keep their very encoded value; of a list that only grew, only what was added is encoded.
 *
 * @throws {StateSerializationError} If a field holds what has no stored form.
 */
export function encodeState(state: object, previous: EncodedState): EncodedState {
  if (state === previous.state) return previous;
  const fields: [string, Json][] = [];
  for (const [field, value] of Object.entries(state)) {
    if (value === undefined) continue;
    fields.push([field, encodeField(field, value, previous)]);
  }
  return { state, json: Object.fromEntries(fields) };
}

function encodeField(field: string, value: unknown, previous: EncodedState): Json {
  const before = own(previous.state, field);
  const stored = before === undefined ? undefined : previous.json[field];
  if (stored !== undefined && Object.is(value, before)) return stored;
  const path = fieldPath("state", field);
  if (Array.isArray(value) && Array.isArray(before) && isList(stored) && before.length > 0) {
    if (startsWith(value, before)) return encodeGrown(path, value, before.length, stored);
  }
  return encode(value, path);
}

/**
 * Encodes an update or a payload, field by field.
 *
 * @throws {StateSerializationError} Naming the path below `path`.
 */
export function encodeFields(fields: object, path: string): JsonObject {
  return Object.fromEntries(
    Object.entries(fields).map(([field, value]) => [field, encode(value, fieldPath(path, field))]),
  );
}

/** The path of a field, whose name must be one that every store takes. */
function fieldPath(parent: string, field: string): string {
  const path = propertyPath(parent, field);
  if (field.isWellFormed() && !field.includes("\0")) return path;
  throw new StateSerializationError(path, "a field's name may hold no NUL and no lone surrogate");
}

function encodeGrown(
  path: string,
  list: readonly unknown[],
  from: number,
  stored: readonly Json[],
): Json {
  const encoded = [...stored];
  for (let index = from; index < list.length; index++) {
    // A hole is refused, with its path, by encoding the list as a whole.
    if (!Object.hasOwn(list, index)) return encode(list, path);
    encoded.push(encode(list[index], `${path}[${index}]`));
  }
  return encoded;
}

function isList(json: Json | undefined): json is readonly Json[] {
  return Array.isArray(json);
}

function own(object: object, field: string): unknown {
  return Object.hasOwn(object, field) ? Reflect.get(object, field) : undefined;
}
