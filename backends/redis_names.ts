/**
 * Names as parts of keys: plain ones stay as they are, no two meet, and none holds a `:`, what a
 * pattern gives a meaning, or a brace.
 *
 * @module
 */

import { encodeCharacter, shorten } from "./names.ts";

/** Longest encoded name. */
const LONGEST = 1_000;

/** Control and format characters too: clients and terminals do as they like with them. */
const HOSTILE = /[:%*?[\]{}^\\"'\p{C}\p{Z}]/gu;

/** Names that nothing has to be done about: most of them. */
const PLAIN = /^[\w.-]{1,1000}$/;

/** The part of a key that stands for a name; at once, but for the longest. */
export function encodeName(name: string): string | Promise<string> {
  if (PLAIN.test(name)) return name;
  const encoded = name.replace(HOSTILE, encodeCharacter);
  return encoded.length <= LONGEST ? encoded : shorten(encoded, name, LONGEST);
}

/** The name that a part of a key stands for; `undefined` where the part does not tell. */
export function decodeName(part: string): string | undefined {
  if (!part.includes("%")) return part;
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

/** The last part of a checkpoint's key: six digits or more, and the node. */
export function entryOf(sequence: number, encodedNode: string): string {
  return `${String(sequence).padStart(6, "0")}_${encodedNode}`;
}
