/**
 * Names as values of key columns: plain ones stay as they are, and no two meet.
 *
 * @module
 */

import { hexOf } from "./names.ts";
import { isStorableText } from "./postgres_quote.ts";

/** Begins what stands for a name that cannot be stored as it is; private to whoever uses it. */
const MARK = "\uf8ff";

/** Longest name in bytes that is its own key: an index entry must hold two of them. */
const LONGEST_BYTES = 1_000;

const encoder = new TextEncoder();

/** The value that stands for a name in a key column; at once, but for the longest. */
export function keyOf(name: string): string | Promise<string> {
  const storable = isStorableText(name) && !name.startsWith(MARK)
    ? name
    : MARK + JSON.stringify(name);
  // Most names are short, and no character takes more than 3 bytes a unit.
  if (storable.length * 3 <= LONGEST_BYTES) return storable;
  const bytes = encoder.encode(storable);
  return bytes.length <= LONGEST_BYTES ? storable : hashedKey(storable, bytes);
}

async function hashedKey(storable: string, bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hex = hexOf(await crypto.subtle.digest("SHA-256", bytes));
  return `${MARK}${hex} ${storable.slice(0, 100).toWellFormed()}`;
}
