/**
 * What the file backend asks of the file system. A system call on a local file takes microseconds
 * and a trip to the thread pool ten times that, so only what waits for the disk is asynchronous.
 *
 * @module
 */

import { join } from "@std/path";
import { headSequenceOf, sequenceOf } from "./file_names.ts";

/** Folders that are read side by side. */
const FOLDERS_AT_ONCE = 16;

const DRAFT = ".draft-";

/** What lies in the folder of a run. */
export interface FolderListing {
  /** Files that are named like checkpoints, newest first. */
  readonly checkpoints: readonly { readonly sequence: number; readonly name: string }[];
  /** Sequences of the heads, newest first. */
  readonly heads: readonly number[];
  /** Names of drafts. */
  readonly drafts: readonly string[];
}

/** Lists the folder of a run; empty if there is none. */
export function listFolder(folder: string): FolderListing {
  const checkpoints: { sequence: number; name: string }[] = [];
  const heads: number[] = [];
  const drafts: string[] = [];
  for (const { name, isFile } of entriesOf(folder)) {
    if (!isFile) continue;
    const sequence = sequenceOf(name);
    const head = headSequenceOf(name);
    if (sequence !== undefined) checkpoints.push({ sequence, name });
    else if (head !== undefined) heads.push(head);
    else if (name.startsWith(DRAFT)) drafts.push(name);
  }
  checkpoints.sort((one, other) => other.sequence - one.sequence);
  heads.sort((one, other) => other - one);
  return { checkpoints, heads, drafts };
}

/** Reads every folder of a folder, some side by side; what has no result is left out. */
export async function readFolders<T>(
  parent: string,
  read: (folder: string) => Promise<T | undefined>,
): Promise<T[]> {
  const names = entriesOf(parent)
    .filter(({ name, isDirectory }) => isDirectory && !name.startsWith("."))
    .map(({ name }) => name);
  const results: T[] = [];
  const work = async () => {
    for (let name = names.pop(); name !== undefined; name = names.pop()) {
      const result = await read(join(parent, name));
      if (result !== undefined) results.push(result);
    }
  };
  await Promise.all(Array.from({ length: FOLDERS_AT_ONCE }, work));
  return results;
}

/** Writes a file of a name of its own and, if asked, waits until it is on the disk. */
export async function writeDraft(folder: string, text: string, sync: boolean): Promise<string> {
  const draft = join(folder, DRAFT + crypto.randomUUID());
  const file = createFile(draft, folder);
  try {
    const bytes = new TextEncoder().encode(text);
    for (let written = 0; written < bytes.length;) {
      written += file.writeSync(bytes.subarray(written));
    }
    if (sync) await file.syncData();
  } catch (error) {
    removeIfThere(draft);
    throw error;
  } finally {
    file.close();
  }
  return draft;
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

/** How many names a file has, 0 where the system does not tell; `undefined` if there is none. */
export function countNames(path: string): number | undefined {
  try {
    return Deno.lstatSync(path).nlink ?? 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Whether there is something of this name. */
export function exists(path: string): boolean {
  return countNames(path) !== undefined;
}

/** Creates a file, and its folder if that is not there yet. */
function createFile(path: string, folder: string): Deno.FsFile {
  const options = { write: true, createNew: true };
  try {
    return Deno.openSync(path, options);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    Deno.mkdirSync(folder, { recursive: true });
    return Deno.openSync(path, options);
  }
}

function entriesOf(folder: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(folder)];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw new Error(`Cannot list ${folder}: ${reasonOf(error)}`, { cause: error });
  }
}

/** What an error says. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
