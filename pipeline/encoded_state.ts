/**
 * The encoded form of a run's state, kept up to date by encoding only what changed.
 *
 * @module
 */

import { encode, isStorableKey, propertyPath, StateSerializationError } from "./codec.ts";
import { type Fields, ownField, setField } from "./fields.ts";
import { isFixed } from "./freeze.ts";
import { growList, startsWith } from "./grown_list.ts";
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
  const fields = state as Fields<unknown>;
  const json: Fields<Json> = {};
  let isChanged = state !== previous.state;
  for (const field of Object.keys(fields)) {
    const value = fields[field];
    if (value === undefined) continue;
    const encoded = encodeField(field, value, previous);
    isChanged ||= encoded !== previous.json[field];
    setField(json, field, encoded);
  }
  return isChanged ? { state, json } : previous;
}

function encodeField(field: string, value: unknown, previous: EncodedState): Json {
  const before = ownField(previous.state as Fields<unknown>, field);
  const stored = before === undefined ? undefined : previous.json[field];
  if (stored !== undefined && Object.is(value, before)) {
    return isFixed(value) ? stored : encodeAgain(value, stored, fieldPath("state", field));
  }
  // Its name was looked at before, and what is no object needs no path to be found.
  if (stored !== undefined && isPrimitive(value)) return encode(value, field);
  const path = fieldPath("state", field);
  if (Array.isArray(value) && Array.isArray(before) && isList(stored) && before.length > 0) {
    if (startsWith(value, before)) return encodeGrown(path, value, before, stored);
  }
  return encode(value, path);
}

function isPrimitive(value: unknown): boolean {
  return typeof value === "number" || typeof value === "string" || typeof value === "boolean";
}

function encodeAgain(value: unknown, stored: Json, path: string): Json {
  if (isFixed(value)) return stored;
  const json = encode(value, path);
  return isSameJson(json, stored) ? stored : json;
}

function encodeGrown(
  path: string,
  list: readonly unknown[],
  before: readonly unknown[],
  stored: readonly Json[],
): Json {
  const added: Json[] = [];
  for (let index = before.length; index < list.length; index++) {
    // A hole is refused, with its path, by encoding the list as a whole.
    if (!Object.hasOwn(list, index)) return encode(list, path);
    added.push(encode(list[index], `${path}[${index}]`));
  }
  if (stored === before && isOwnForm(list, added)) return list;
  const head = isFixed(before) ? stored : encodeItemsAgain(path, before, stored);
  return head === stored ? growList(stored, added) : [...head, ...added];
}

/** Whether a list is its own encoded form, as far as its last items tell. */
function isOwnForm(list: readonly unknown[], last: readonly Json[]): list is readonly Json[] {
  const start = list.length - last.length;
  return Object.getPrototypeOf(list) === Array.prototype &&
    last.every((item, index) => item === list[start + index]);
}

function encodeItemsAgain(
  path: string,
  list: readonly unknown[],
  stored: readonly Json[],
): readonly Json[] {
  const again = stored.map((item, index) => encodeAgain(list[index], item, `${path}[${index}]`));
  return again.every((item, index) => item === stored[index]) ? stored : again;
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
