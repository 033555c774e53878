/**
 * Names as path segments: plain ones stay as they are, no two meet, none leaves its folder.
 *
 * @module
 */

import { SEPARATOR } from "@std/path";
import { encodeCharacter, shorten } from "./names.ts";

/** Longest encoded name: with a sequence and a suffix it stays below the 255 bytes of a segment. */
const LONGEST = 200;

const HEAD = ".head-";

/** A file in the folder of a run that is written anew whenever its worker is heard of. */
export const LEASE = ".lease";

/** One more name of the latest checkpoint, by which it is found without listing the folder of its run. */
export const LATEST = ".latest";

/** Begins the name of a file that is being written. */
export const DRAFT = ".draft-";

/**
 * Everything but ASCII letters, digits, space and `_ - . , + = @ ( ) ~ ! ' & ; # $`, and a dot or
 * space where a file system treats it in a way of its own: at the beginning or the end.
 */
const HOSTILE = /[^A-Za-z0-9_\-. ,+=@()~!'&;#$]|^[. ]|[. ]$/gu;

/** Names that nothing has to be done about: most of them. */
const PLAIN = /^[A-Za-z0-9_][A-Za-z0-9_-]{0,199}$/;

/**
 * The path of what lies in a folder. Both are as they should be, and to look at them again, as `join`
 * does, costs as much as asking the system for a small thing.
 */
export function childOf(folder: string, name: string): string {
  return folder + SEPARATOR + name;
}

/** The segment that stands for a name; at once where that is the name itself. */
export function encodeName(name: string): string | Promise<string> {
  return PLAIN.test(name) ? name : encodeHostile(name);
}

async function encodeHostile(name: string): Promise<string> {
  const encoded = name.replace(HOSTILE, encodeCharacter);
  if (encoded.length <= LONGEST) return encoded;
  return await shorten(encoded, name, LONGEST);
}

/**
 * The segment under which the Python framework stored a name: the name itself, where that is one
 * segment. `undefined` if it is the encoded one, or would be mistaken for another's.
 */
export function rawName(name: string, encoded: string): string | undefined {
  const isSegment = name.isWellFormed() && !/[/\\\0%]/.test(name) && name !== "." && name !== "..";
  return isSegment && name !== encoded && name.length <= LONGEST ? name : undefined;
}

/** The file name of a checkpoint. */
export function checkpointName(
  { sequence, nodeId }: { readonly sequence: number; readonly nodeId: string },
): string | Promise<string> {
  const node = encodeName(nodeId);
  const digits = sequenceDigits(sequence);
  return typeof node === "string"
    ? `${digits}_${node}.json`
    : node.then((encoded) => `${digits}_${encoded}.json`);
}

/** The name of the second link to the latest checkpoint, which only one writer can make. */
export function headName(sequence: number): string {
  return HEAD + sequenceDigits(sequence);
}

/**
 * The sequence in a checkpoint's file name, `undefined` if it is none: 6 to 16 digits, `_`, and `.json`
 * at the end. Folders have thousands of them, and a pattern takes three times as long.
 */
export function sequenceOf(fileName: string): number | undefined {
  const end = fileName.indexOf("_");
  if (end < 6 || end > 16 || !fileName.endsWith(".json")) return undefined;
  let sequence = 0;
  for (let index = 0; index < end; index++) {
    const digit = fileName.charCodeAt(index) - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    sequence = sequence * 10 + digit;
  }
  return sequence;
}

const ZERO = "0".charCodeAt(0);

/** The name whose folder this is, `undefined` where the folder's name does not tell. */
export function nameOf(segment: string): string | undefined {
  return segment.includes("%") ? undefined : segment;
}

/** The sequence in the name of a head, `undefined` if it is none. */
export function headSequenceOf(fileName: string): number | undefined {
  return fileName.startsWith(HEAD) ? Number(fileName.slice(HEAD.length)) : undefined;
}

/** Six digits, more when they are needed. */
function sequenceDigits(sequence: number): string {
  return String(sequence).padStart(6, "0");
}
