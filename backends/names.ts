/**
 * What the backends share in making keys and paths of names: bytes as `%xx`, and a digest in the
 * place of what is too long.
 *
 * @module
 */

/** A character as its UTF-8 bytes, each as `%xx`. */
export function encodeCharacter(character: string): string {
  // A lone surrogate has no UTF-8 bytes; `%u` begins no byte, so it meets no other name.
  if (!character.isWellFormed()) return `%u${character.charCodeAt(0).toString(16)}`;
  const bytes = new TextEncoder().encode(character);
  return Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
}

/** The beginning of an encoded name and a digest of the name: at most `longest` characters. */
export async function shorten(encoded: string, name: string, longest: number): Promise<string> {
  return `${encoded.slice(0, longest - 70)}%~${await digest(name)}`;
}

/** Told apart by UTF-16 units, since UTF-8 would make all lone surrogates one. */
async function digest(name: string): Promise<string> {
  const units = Uint16Array.from(name, (_, index) => name.charCodeAt(index));
  return hexOf(await crypto.subtle.digest("SHA-256", units));
}

/** Bytes as two hexadecimal digits each. */
export function hexOf(bytes: ArrayBuffer): string {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
