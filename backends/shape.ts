/**
 * Telling drivers by their shape.
 *
 * @module
 */

/** An object with a method of this name. */
export type Method<Name extends string> = {
  readonly [Key in Name]: (...args: unknown[]) => unknown;
};

/** Whether an object has a method. */
export function has<Name extends string>(client: unknown, method: Name): client is Method<Name> {
  const isObject = typeof client === "object" || typeof client === "function";
  return isObject && client !== null && typeof Reflect.get(client, method) === "function";
}
