/** Any value that JSON can hold. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

/** An object of JSON values. */
export interface JsonObject {
  /** The value of each property. */
  readonly [key: string]: Json;
}

/** Whether two JSON values are equal, whatever the order of their properties. */
export function isSameJson(one: Json | undefined, other: Json | undefined): boolean {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) {
    return false;
  }
  if (isList(one) !== isList(other)) return false;
  const [entries, others] = [Object.entries(one), new Map(Object.entries(other))];
  return entries.length === others.size &&
    entries.every(([key, value]) => others.has(key) && isSameJson(value, others.get(key)));
}

/** Whether a JSON value is a list. */
export function isList(json: Json | undefined): json is readonly Json[] {
  return Array.isArray(json);
}
