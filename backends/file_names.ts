/**
 * Names as path segments: plain ones stay as they are, no two meet, none leaves its folder.
 *
 * @module
 */

/** Longest encoded name: with a sequence and a suffix it stays below the 255 bytes of a segment. */
const LONGEST = 200;

const HEAD = ".head-";

/** Begins the name of a file that is being written. */
export const DRAFT = ".draft-";

/**
 * Everything but ASCII letters, digits, space and `_ - . , + = @ ( ) ~ ! ' & ; # $`, and a dot or
 * space where a file system treats it in a way of its own: at the beginning or the end.
 */
const HOSTILE = /[^A-Za-z0-9_\-. ,+=@()~!'&;#$]|^[. ]|[. ]$/gu;

/** Names that nothing has to be done about: most of them. */
const PLAIN = /^[A-Za-z0-9_][A-Za-z0-9_-]{0,199}$/;

/** The segment that stands for a name; at once where that is the name itself. */
export function encodeName(name: string): string | Promise<string> {
  return PLAIN.test(name) ? name : encodeHostile(name);
}

async function encodeHostile(name: string): Promise<string> {
  const encoded = name.replace(HOSTILE, encodeCharacter);
  if (encoded.length <= LONGEST) return encoded;
  return `${encoded.slice(0, LONGEST - 70)}%~${await digest(name)}`;
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

/** The sequence in a checkpoint's file name, `undefined` if it is none. */
export function sequenceOf(fileName: string): number | undefined {
  const digits = /^(\d{6,16})_.*\.json$/s.exec(fileName)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

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

function encodeCharacter(character: string): string {
  // A lone surrogate has no UTF-8 bytes; `%u` begins no byte, so it meets no other name.
  if (!character.isWellFormed()) return `%u${character.charCodeAt(0).toString(16)}`;
  const bytes = new TextEncoder().encode(character);
  return Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
}

/** Told apart by UTF-16 units, since UTF-8 would make all lone surrogates one. */
async function digest(name: string): Promise<string> {
  const units = Uint16Array.from(name, (_, index) => name.charCodeAt(index));
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", units));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
