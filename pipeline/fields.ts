/**
 * The fields of plain objects, also where one is called `__proto__`.
 *
 * @module
 */

/** An object with fields of one kind. */
export interface Fields<T> {
  [field: string]: T;
}

/** A field's value; what every object inherits is no field. */
export function ownField<T>(fields: Readonly<Fields<T>>, field: string): T | undefined {
  return Object.hasOwn(fields, field) ? fields[field] : undefined;
}

/** Sets a field. */
export function setField<T>(fields: Fields<T>, field: string, value: T): void {
  if (field === "__proto__") {
    const asData = { value, writable: true, enumerable: true, configurable: true };
    Object.defineProperty(fields, field, asData);
  } else {
    fields[field] = value;
  }
}
