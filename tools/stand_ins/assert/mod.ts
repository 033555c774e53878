// Stands in for @std/assert where JSR does not answer.
import * as node from "node:assert";
import { inspect, stripVTControlCharacters } from "node:util";
import { equal, isObject } from "./equal.ts";

type Class<Instance> = abstract new (...args: never[]) => Instance;

export type Falsy = false | 0 | 0n | "" | null | undefined;

export class AssertionError extends Error {
  override name = "AssertionError";
}

export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

export function assertFalse(expr: unknown, msg = ""): asserts expr is Falsy {
  if (expr) throw new AssertionError(msg);
}

export function fail(msg?: string): never {
  throw new AssertionError(withNote("Failed", msg));
}

export function unreachable(msg?: string): never {
  throw new AssertionError(withNote("Reached what should be unreachable", msg));
}

export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!equal(actual, expected)) {
    throw new AssertionError(difference("deepStrictEqual", actual, expected, msg));
  }
}

export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) {
    throw new AssertionError(difference("notDeepStrictEqual", actual, expected, msg));
  }
}

export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  if (!Object.is(actual, expected)) {
    throw new AssertionError(difference("strictEqual", actual, expected, msg));
  }
}

export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T> {
  if (actual === undefined || actual === null) {
    throw new AssertionError(withNote(`Expected a value, not ${actual}`, msg));
  }
}

export function assertInstanceOf<Instance>(
  actual: unknown,
  expectedType: Class<Instance>,
  msg?: string,
): asserts actual is Instance {
  if (!(actual instanceof expectedType)) {
    const message = `Expected an instance of ${expectedType.name}, not ${inspect(actual)}`;
    throw new AssertionError(withNote(message, msg));
  }
}

export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  if (!actual.includes(expected)) {
    throw new AssertionError(withNote(`Expected "${expected}" in "${actual}"`, msg));
  }
}

export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  if (!expected.test(actual)) {
    throw new AssertionError(withNote(`Expected a match of ${expected} in "${actual}"`, msg));
  }
}

export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual > expected)) throw new AssertionError(msg ?? comparison(actual, ">", expected));
}

export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual >= expected)) throw new AssertionError(msg ?? comparison(actual, ">=", expected));
}

export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual < expected)) throw new AssertionError(msg ?? comparison(actual, "<", expected));
}

export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual <= expected)) throw new AssertionError(msg ?? comparison(actual, "<=", expected));
}

export function assertObjectMatch(
  actual: object,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void {
  assertEquals<unknown>(partOf(actual, expected), partOf(expected, expected), msg);
}

export function assertThrows(fn: () => unknown, msg?: string): unknown;
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: Class<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows(
  fn: () => unknown,
  classOrMsg?: Class<Error> | string,
  msgIncludes?: string,
  msg?: string,
): unknown {
  const note = typeof classOrMsg === "string" ? classOrMsg : msg;
  try {
    fn();
  } catch (error) {
    if (typeof classOrMsg === "function") checkError(error, classOrMsg, msgIncludes, note);
    return error;
  }
  throw new AssertionError(withNote("Expected the function to throw", note));
}

export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: Class<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects(
  fn: () => PromiseLike<unknown>,
  classOrMsg?: Class<Error> | string,
  msgIncludes?: string,
  msg?: string,
): Promise<unknown> {
  const note = typeof classOrMsg === "string" ? classOrMsg : msg;
  const promise = startPromise(fn, note);
  try {
    await promise;
  } catch (error) {
    if (typeof classOrMsg === "function") checkError(error, classOrMsg, msgIncludes, note);
    return error;
  }
  throw new AssertionError(withNote("Expected the promise to reject", note));
}

function startPromise(fn: () => PromiseLike<unknown>, note?: string): PromiseLike<unknown> {
  let result: unknown;
  try {
    const promise = fn();
    if (typeof promise?.then === "function") return promise;
    result = promise;
  } catch (error) {
    result = error;
  }
  throw new AssertionError(
    withNote("Expected a promise that rejects, not a result or an error at once", note),
    { cause: result },
  );
}

function checkError(
  error: unknown,
  ErrorClass: Class<Error>,
  msgIncludes: string | undefined,
  note: string | undefined,
): void {
  if (!(error instanceof Error)) {
    throw new AssertionError(withNote(`Expected an Error, not ${inspect(error)}`, note));
  }
  assertInstanceOf(error, ErrorClass, note);
  if (msgIncludes) {
    const message = stripVTControlCharacters(error.message);
    assertStringIncludes(message, stripVTControlCharacters(msgIncludes), note);
  }
}

/** What `expected` speaks of in `actual`; a class instance becomes a plain object. */
function partOf(actual: unknown, expected: unknown): unknown {
  if (Array.isArray(actual) && Array.isArray(expected)) {
    return actual.slice(0, expected.length).map((item, index) => partOf(item, expected[index]));
  }
  if (actual instanceof Set && expected instanceof Set) return actual.intersection(expected);
  if (actual instanceof Map && expected instanceof Map) {
    const shared = [...actual].filter(([key]) => expected.has(key));
    return new Map(shared.map(([key, value]) => [key, partOf(value, expected.get(key))]));
  }
  if (!hasFields(actual) || !hasFields(expected)) return actual;
  const keys = Reflect.ownKeys(actual).filter((key) => Object.hasOwn(expected, key));
  return Object.fromEntries(
    keys.map((key) => [key, partOf(Reflect.get(actual, key), Reflect.get(expected, key))]),
  );
}

function hasFields(value: unknown): value is object {
  return isObject(value) && !(value instanceof Date) && !(value instanceof RegExp);
}

function difference(operator: string, actual: unknown, expected: unknown, note?: string): string {
  const { message } = new node.AssertionError({ actual, expected, operator });
  return note ? `${note}: ${message}` : message;
}

function comparison(actual: unknown, operator: string, expected: unknown): string {
  return `Expected ${inspect(actual)} ${operator} ${inspect(expected)}`;
}

function withNote(message: string, note: string | undefined): string {
  return note ? `${message}: ${note}` : message;
}
