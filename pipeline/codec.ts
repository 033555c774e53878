/**
 * Between a state and plain JSON: lossless, or refused with the path. JSON values stand for
 * themselves; everything else is an object with one key, the tag:
 *
 * | value | stored as |
 * | --- | --- |
 * | `undefined` | `{"$undefined": true}` |
 * | `NaN`, `Infinity`, `-Infinity`, `-0` | `{"$number": "NaN"}` |
 * | `bigint` | `{"$bigint": "123"}` |
 * | string with NUL or lone surrogates | `{"$text": its JSON text}` |
 * | `Date` | `{"$date": "2026-01-31T12:00:00.000Z"}`, an invalid one `{"$date": null}` |
 * | `URL` | `{"$url": "https://example.org/"}` |
 * | `Uint8Array` | `{"$bytes": base64}` |
 * | `Map` | `{"$map": [[key, value], ...]}` |
 * | `Set` | `{"$set": [member, ...]}` |
 * | object with a key that JSON has to escape | `{"$entries": [[key, value], ...]}` |
 * | object with one key, which begins with `$` | `{"$escaped": the object}` |
 *
 * @module
 */

export { decode } from "./codec/decode.ts";
export { encode, isStorableKey } from "./codec/encode.ts";
export { propertyPath, StateSerializationError } from "./codec/path.ts";
export type { Json, JsonObject } from "./json.ts";
