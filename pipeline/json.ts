/** Any value that JSON can hold. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

/** An object of JSON values. */
export interface JsonObject {
  /** The value of each property. */
  readonly [key: string]: Json;
}
