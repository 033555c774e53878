/**
 * What the file backend asks of the file system. A system call on a local file takes microseconds
 * and a trip to the thread pool ten times that, so only what surely waits for the disk is
 * asynchronous; who reads many files lets others have their turn.
 *
 * @module
 */

import { turnOfEventLoop } from "../pipeline/turn.ts";
import { childOf, DRAFT, headSequenceOf, LEASE, sequenceOf } from "./file_names.ts";

/** So long, in milliseconds, reading keeps the thread before others get their turn. */
const LONGEST_TURN_MS = 15;

/** What lies in the folder of a run. */
export interface FolderListing {
  /** Files that are named like checkpoints, newest first. */
  readonly checkpoints: readonly {
    readonly sequence: number;
    readonly name: string;
    readonly isHead: false;
  }[];
  /** Sequences of the heads, newest first. */
  readonly heads: readonly number[];
  /** Names of drafts. */
  readonly drafts: readonly string[];
  /** Whether its worker was heard of since it saved. */
  readonly hasLease: boolean;
}

/** Lists the folder of a run; empty if there is none. */
export function listFolder(folder: string): FolderListing {
  const checkpoints: { sequence: number; name: string; isHead: false }[] = [];
  const heads: number[] = [];
  const drafts: string[] = [];
  let hasLease = false;
  for (const { name, isFile } of entriesOf(folder)) {
    if (!isFile) continue;
    if (name.startsWith(".")) {
      const head = headSequenceOf(name);
      if (head !== undefined) heads.push(head);
      else if (name.startsWith(DRAFT)) drafts.push(name);
      else if (name === LEASE) hasLease = true;
    } else {
      const sequence = sequenceOf(name);
      if (sequence !== undefined) checkpoints.push({ sequence, name, isHead: false });
    }
  }
  checkpoints.sort((one, other) => other.sequence - one.sequence);
  heads.sort((one, other) => other - one);
  return { checkpoints, heads, drafts, hasLease };
}

/** The names of the folders in a folder; hidden ones are left out. */
export function listFolders(parent: string): string[] {
  return Array.from(entriesOf(parent))
    .filter(({ name, isDirectory }) => isDirectory && !name.startsWith("."))
    .map(({ name }) => name);
}

/** A file that is written, under a name of its own, and still open. */
export interface Draft {
  /** Its path. */
  readonly path: string;
  /** The open file. */
  readonly file: Deno.FsFile;
}

/** What the names of this process's drafts have in common; to draw each one takes as long as writing it. */
const OWN = crypto.randomUUID();
let drafts = 0;

/**
 * Writes a file of a name of its own.
 *
 * @param isNew Whether the folder is made where it is not there.
 */
export function writeDraft(folder: string, text: string, isNew: boolean): Draft {
  const path = childOf(folder, `${DRAFT}${OWN}-${drafts++}`);
  const file = createFile(path, isNew ? folder : undefined);
  try {
    const bytes = bytesOf(text);
    for (let written = 0; written < bytes.length;) {
      written += file.writeSync(bytes.subarray(written));
    }
  } catch (error) {
    file.close();
    removeIfThere(path);
    throw error;
  }
  return { path, file };
}

/** Gives a file a second name; `false` if something has that, or there is no such file. */
export function linkIfFree(path: string, name: string): boolean {
  try {
    Deno.linkSync(path, name);
    return true;
  } catch (error) {
    const { AlreadyExists, NotFound } = Deno.errors;
    if (error instanceof AlreadyExists || error instanceof NotFound) return false;
    throw error;
  }
}

/** Gives a file another name for the one that it has, in the place of what had that; whether it was there. */
export function moveIfThere(path: string, name: string): boolean {
  try {
    Deno.renameSync(path, name);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Reads a file; `undefined` if there is none. */
export function readIfThere(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new Error(`Cannot read ${path}: ${reasonOf(error)}`, { cause: error });
  }
}

/** What a file holds, and when it was written. */
export interface TimedText {
  /** Its text. */
  readonly text: string;
  /** When it was written, in milliseconds since 1970; `undefined` where the system does not tell. */
  readonly writtenAt: number | undefined;
  /** When something became of its names last, in the same way. */
  readonly namedAt: number | undefined;
  /** What tells the file from all others, under whatever name; `null` where the system does not tell. */
  readonly inode: number | null;
}

/** Reads a file, and when it was written; `undefined` if there is none. */
export function readTimed(path: string): TimedText | undefined {
  try {
    const file = Deno.openSync(path);
    try {
      return readOpen(file);
    } finally {
      file.close();
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new Error(`Cannot read ${path}: ${reasonOf(error)}`, { cause: error });
  }
}

/** What short files are read into and written from, one after the other: there are thousands. */
const SHORT = new Uint8Array(65_536);

function readOpen(file: Deno.FsFile): TimedText {
  const { size, mtime, ctime, ino: inode } = file.statSync();
  const bytes = size <= SHORT.length ? SHORT : new Uint8Array(size);
  let read = file.readSync(bytes) ?? 0;
  while (read < size) {
    const count = file.readSync(bytes.subarray(read));
    if (count === null) break;
    read += count;
  }
  const text = decoder.decode(bytes.subarray(0, read));
  return { text, writtenAt: mtime?.getTime(), namedAt: ctime?.getTime(), inode };
}

/** The bytes of a text, until the next one is asked for: short ones share their memory. */
function bytesOf(text: string): Uint8Array {
  // A character takes three bytes at the most.
  if (text.length > SHORT.length / 3) return encoder.encode(text);
  return SHORT.subarray(0, encoder.encodeInto(text, SHORT).written);
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Waits until the names in a folder are on the disk, where the system syncs folders. */
export async function syncFolder(path: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  using folder = Deno.openSync(path);
  await folder.sync();
}

/** Lets others have their turn whenever this one has kept the thread for long. */
export function makeTurns(): () => Promise<void> | undefined {
  let began = performance.now();
  return () => {
    if (performance.now() - began < LONGEST_TURN_MS) return undefined;
    return turnOfEventLoop().then(() => void (began = performance.now()));
  };
}

/** Removes a file; whether it was there. */
export function removeIfThere(path: string): boolean {
  try {
    Deno.removeSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Removes a folder, also what is put into it meanwhile by who found it under its old name. */
export async function removeFolder(path: string): Promise<void> {
  for (let left = 10;; left--) {
    try {
      return await Deno.remove(path, { recursive: true });
    } catch (error) {
      if (left === 0 || !exists(path)) throw error;
    }
  }
}

/**
 * Whether two names in a folder are one file's, `undefined` where the system does not tell, or one is
 * gone.
 */
export function isSameFile(one: string, other: string): boolean | undefined {
  const [inode, otherInode] = [lookAt(one)?.ino, lookAt(other)?.ino];
  return inode == null || otherInode == null ? undefined : inode === otherInode;
}

/** Whether there is something of this name. */
export function exists(path: string): boolean {
  return lookAt(path) !== undefined;
}

/** Whether a name is that of the file with an inode; `false` where the system does not tell. */
export function isNameOf(inode: number | null, path: string): boolean {
  return inode !== null && lookAt(path)?.ino === inode;
}

/** When a folder got or lost a name last, in milliseconds since 1970, where the system tells. */
export function changedAt(folder: string): number | undefined {
  return lookAt(folder)?.mtime?.getTime();
}

/** When a file was written, ISO 8601. */
export function modifiedAt(path: string): string {
  return (Deno.statSync(path).mtime ?? new Date(0)).toISOString();
}

/** Creates a file, and the folder if there is to be one and it is not there yet. */
function createFile(path: string, folder: string | undefined): Deno.FsFile {
  for (;;) {
    try {
      return Deno.openSync(path, { write: true, createNew: true });
    } catch (error) {
      if (folder === undefined || !(error instanceof Deno.errors.NotFound)) throw error;
    }
    // Again if it is deleted in between.
    Deno.mkdirSync(folder, { recursive: true });
  }
}

function lookAt(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function entriesOf(folder: string): Iterable<Deno.DirEntry> {
  try {
    return Deno.readDirSync(folder);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw new Error(`Cannot list ${folder}: ${reasonOf(error)}`, { cause: error });
  }
}

/** What an error says. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
