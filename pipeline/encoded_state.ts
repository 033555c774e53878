/**
 * The encoded form of a run's state, kept up to date by encoding only what changed.
 *
 * @module
 */

import { encode, isStorableKey, propertyPath, StateSerializationError } from "./codec.ts";
import { startsWith } from "./freeze.ts";
import { isList, isSameJson, type Json, type JsonObject } from "./json.ts";

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
 * keep their very encoded value; of a list that only grew, only what was added is encoded. What
 * cannot be frozen (a Map, a Date) may have been changed in place, and is looked at again.
 *
 * @throws {StateSerializationError} If a field holds what has no stored form.
 */
export function encodeState(state: object, previous: EncodedState): EncodedState {
  const fields: [string, Json][] = [];
  let isChanged = state !== previous.state;
  for (const [field, value] of Object.entries(state)) {
    if (value === undefined) continue;
    const json = encodeField(field, value, previous);
    isChanged ||= json !== previous.json[field];
    fields.push([field, json]);
  }
  return isChanged ? { state, json: Object.fromEntries(fields) } : previous;
}

function encodeField(field: string, value: unknown, previous: EncodedState): Json {
  const before = own(previous.state, field);
  const stored = before === undefined ? undefined : previous.json[field];
  if (stored !== undefined && Object.is(value, before)) {
    return isSettled(value, stored)
      ? stored
      : encodeAgain(value, stored, fieldPath("state", field));
  }
  const path = fieldPath("state", field);
  if (Array.isArray(value) && Array.isArray(before) && isList(stored) && before.length > 0) {
    if (startsWith(value, before)) return encodeGrown(path, value, stored);
  }
  return encode(value, path);
}

/** Whether a value cannot have changed since it was encoded: plain data is frozen, and its own form. */
function isSettled(value: unknown, stored: Json): boolean {
  return value === stored || typeof value !== "object";
}

function encodeAgain(value: unknown, stored: Json, path: string): Json {
  const json = encode(value, path);
  return isSameJson(json, stored) ? stored : json;
}

function encodeGrown(path: string, list: readonly unknown[], stored: readonly Json[]): Json {
  const encoded: Json[] = [];
  for (let index = 0; index < list.length; index++) {
    const [item, before] = [list[index], stored[index]];
    if (before !== undefined) {
      encoded.push(
        isSettled(item, before) ? before : encodeAgain(item, before, `${path}[${index}]`),
      );
    } else if (Object.hasOwn(list, index)) {
      encoded.push(encode(item, `${path}[${index}]`));
    } else {
      // A hole is refused, with its path, by encoding the list as a whole.
      return encode(list, path);
    }
  }
  return encoded;
}

/**
 * Encodes an update or a payload, field by field.
 *
 * @param path What error paths begin with.
 * @param owner Names whose data it is, for an error.
 * @throws {StateSerializationError} If a field holds what has no stored form.
 */
export function encodeFields(fields: object, path: string, owner: () => string): JsonObject {
  return encodingFor(owner, () =>
    Object.fromEntries(
      Object.entries(fields).map((
        [field, value],
      ) => [field, encode(value, fieldPath(path, field))]),
    ));
}

/**
 * Does some encoding, with its errors naming whose data it is.
 *
 * @throws {StateSerializationError} What the encoding threw, with the owner in its message.
 */
export function encodingFor<T>(owner: () => string, encodeAll: () => T): T {
  try {
    return encodeAll();
  } catch (error) {
    if (!(error instanceof StateSerializationError)) throw error;
    const { path, reason, cause } = error;
    throw new StateSerializationError(path, reason, { of: owner(), cause });
  }
}

/** The path of a field, whose name must be one that every store takes. */
function fieldPath(parent: string, field: string): string {
  const path = propertyPath(parent, field);
  if (isStorableKey(field)) return path;
  throw new StateSerializationError(
    path,
    "a field's name may hold no quote, backslash, control character or lone surrogate",
  );
}

function own(object: object, field: string): unknown {
  return Object.hasOwn(object, field) ? Reflect.get(object, field) : undefined;
}
