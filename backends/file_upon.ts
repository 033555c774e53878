/**
 * Whether a save builds upon what is stored: nothing of a run that was deleted comes back.
 *
 * @module
 */

import type { CheckpointChange, CheckpointRecord } from "../pipeline/checkpointer.ts";
import { writerOf } from "./file_chains.ts";
import { headPath } from "./file_heads.ts";
import { candidatesIn, readStored, type RunFolder } from "./file_stored.ts";
import { listFolder } from "./file_system.ts";

/** A head that an instance saved last: it has its second name. */
export interface PublishedHead {
  /** Path of the folder. */
  readonly path: string;
  /** Its sequence. */
  readonly sequence: number;
  /** Who wrote it. */
  readonly writer: string;
  /** What tells its file from one that has its name since. */
  readonly file: FileMark;
}

/** A file, whatever its names are. */
export interface FileMark {
  readonly ino: number | null;
  readonly mtime: number | undefined;
}

/** The mark of an open file. */
export function markOfFile(file: Deno.FsFile): FileMark {
  const { ino, mtime } = file.statSync();
  return { ino, mtime: mtime?.getTime() };
}

/** Whether a head is there and still the file that was saved. */
export function isStillThere(folder: RunFolder, { sequence, file }: PublishedHead): boolean {
  try {
    const { ino, mtime } = Deno.lstatSync(headPath(folder, sequence));
    return ino === file.ino && mtime?.getTime() === file.mtime;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/**
 * Whether what a save changes is the newest checkpoint, but for the same one saved before, and by
 * the writer that the save knows. Reads the folder: whoever saved the one before need not ask.
 */
export async function isUpon(
  folder: RunFolder,
  { sequence, writer }: Pick<CheckpointRecord, "sequence" | "writer">,
  { since, sinceWriter }: Pick<CheckpointChange, "since" | "sinceWriter">,
): Promise<boolean> {
  for (const candidate of candidatesIn(listFolder(folder.path))) {
    if (readStored(folder, candidate) === undefined) continue;
    const owner = await writerOf(folder, candidate);
    const isRepeat = candidate.sequence === sequence && owner === writer;
    if (!isRepeat) return candidate.sequence === since && owner === sinceWriter;
  }
  return false;
}
