/**
 * Any value as JSON for those who know nothing of the pipeline.
 *
 * @module
 */

/**
 * The JSON of a value. What was thrown is `{ name, message }`, without a stack, which is nobody's
 * business outside; a `bigint` is its digits, a `Map` its entries and a `Set` its members.
 *
 * @throws {TypeError} If the value has no JSON, because it contains itself, say.
 */
export function plainJson(value: unknown): string {
  return JSON.stringify(value, plain) ?? "null";
}

function plain(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Map || value instanceof Set) return [...value];
  return value instanceof Error ? plainError(value) : value;
}

function plainError({ name, message }: Error): object {
  return { name, message };
}
