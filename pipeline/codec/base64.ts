/**
 * Bytes as base64, at native speed where the engine has it. Older engines do not, nor do their
 * types, hence the look-ups by name.
 *
 * @module
 */

export function toBase64(bytes: Uint8Array): string {
  const native: ((this: Uint8Array) => string) | undefined = Reflect.get(bytes, "toBase64");
  if (native !== undefined) return native.call(bytes);
  let binary = "";
  const chunk = 0x8000; // as many arguments as every engine takes in one call
  for (let start = 0; start < bytes.length; start += chunk) {
    binary += String.fromCharCode(...bytes.subarray(start, start + chunk));
  }
  return btoa(binary);
}

/**
 * Base64 to bytes.
 *
 * @throws {Error} if the text is not base64; which class depends on the engine
 */
export function fromBase64(text: string): Uint8Array {
  const native: ((text: string) => Uint8Array) | undefined = Reflect.get(Uint8Array, "fromBase64");
  if (native !== undefined) return native.call(Uint8Array, text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < binary.length; index++) bytes[index] = binary.charCodeAt(index);
  return bytes;
}
