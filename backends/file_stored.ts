/**
 * What one file of a run holds: a whole record, a change, or nothing that is of use.
 *
 * @module
 */

import type { CheckpointRecord, RunStatus } from "../pipeline/checkpoint_record.ts";
import { RecordVersionError } from "../pipeline/checkpointer.ts";
import { fromStored } from "../pipeline/record.ts";
import { isStoredChange, type StoredChange, writerMark } from "../pipeline/stored_change.ts";
import { childOf, headName, LATEST } from "./file_names.ts";
import {
  changedAt,
  type FolderListing,
  isNameOf,
  listFolder,
  modifiedAt,
  readIfThere,
  readTimed,
} from "./file_system.ts";

/** A folder, and the run that its files must belong to, as far as the reader knows. */
export interface RunFolder {
  /** Path of the folder. */
  readonly path: string;
  /** Name of the pipeline. */
  readonly pipelineName: string;
  /** Id of the run; unknown while runs are listed whose folders do not tell. */
  readonly runId?: string;
  /** Is told of files that are no checkpoints of the run. */
  readonly warn: (path: string, cause: unknown) => void;
}

/** A file that is named like a checkpoint. */
export interface Candidate {
  /** The sequence in its name. */
  readonly sequence: number;
  /** Its name. */
  readonly name: string;
  /** Whether it is a head: then it is the truth about its sequence. */
  readonly isHead: boolean;
}

/** A good file: a whole record or a change. */
export type StoredFile =
  & Candidate
  & (
    | { readonly whole: CheckpointRecord; readonly change?: undefined }
    | { readonly whole?: undefined; readonly change: StoredChange }
  );

/** The files to look at for what is newest: the latest heads, then all checkpoints, newest first. */
export function candidatesIn({ checkpoints, heads }: FolderListing): readonly Candidate[] {
  const newest = checkpoints[0]?.sequence ?? -1;
  // Whoever came too late may have left a head below that.
  const latest = heads.filter((sequence) => sequence >= newest).map(headCandidate);
  return [...latest, ...checkpoints];
}

/** The head of a sequence. */
export function headCandidate(sequence: number): Candidate {
  return { sequence, name: headName(sequence), isHead: true };
}

/**
 * Reads one file; `undefined` if there is none. What is no checkpoint of the run is told, and
 * counts as none.
 *
 * @throws {RecordVersionError} If a newer version of this package wrote it.
 */
export function readStored(folder: RunFolder, candidate: Candidate): StoredFile | undefined {
  const path = childOf(folder.path, candidate.name);
  const text = readIfThere(path);
  return text === undefined ? undefined : parseStored(folder, candidate, path, text);
}

/** A stored file, and when it was written, in milliseconds since 1970, where the system tells. */
export interface TimedFile {
  /** The file. */
  readonly file: StoredFile;
  /** When it was written. */
  readonly writtenAt: number | undefined;
}

/** So long after its last save, in milliseconds, whatever befalls a folder is none of that save's doing. */
const SAVE_IS_OVER_MS = 1_000;

/**
 * Reads the latest checkpoint by the name that each save gives to its own, and when it was written.
 * `undefined` where there is none, for a save is under way, died or was refused since, or its worker was
 * heard of; and where it may be an older one: it has to be a head, and nothing may have befallen the
 * folder since, by the hands of another program, say.
 */
export function readLatest(folder: RunFolder): TimedFile | undefined {
  const path = childOf(folder.path, LATEST);
  const timed = readTimed(path);
  if (timed === undefined) return undefined;
  // What is wrong with it is told by whoever meets it under its other names.
  const file = parseStored({ ...folder, warn: () => {} }, undefined, path, timed.text);
  if (file === undefined) return undefined;
  const { inode, writtenAt, namedAt = -Infinity } = timed;
  const isLatest = isNameOf(inode, childOf(folder.path, headName(file.sequence))) &&
    (changedAt(folder.path) ?? Infinity) < namedAt + SAVE_IS_OVER_MS;
  return isLatest ? { file, writtenAt } : undefined;
}

/** Reads one file as {@linkcode readStored} does, and when it was written. */
export function readTimedFile(folder: RunFolder, candidate: Candidate): TimedFile | undefined {
  const path = childOf(folder.path, candidate.name);
  const timed = readTimed(path);
  const file = timed && parseStored(folder, candidate, path, timed.text);
  return file && { file, writtenAt: timed?.writtenAt };
}

/** What a text holds; without a candidate it may be of any sequence, and is that one's head. */
function parseStored(
  folder: RunFolder,
  named: Candidate | undefined,
  path: string,
  text: string,
): StoredFile | undefined {
  try {
    const stored: unknown = JSON.parse(text);
    if (isStoredChange(stored)) {
      const candidate = named ?? headCandidate(stored.sequence);
      refuseSequence(candidate, stored.sequence, path);
      return { ...candidate, change: stored };
    }
    const record = fromStored(stored, path, "");
    const candidate = named ?? headCandidate(record.sequence);
    refuseSequence(candidate, record.sequence, path);
    refuseAlien(folder, record, path);
    // The Python framework's records do not tell when they were saved.
    const whole = record.savedAt === "" ? { ...record, savedAt: modifiedAt(path) } : record;
    return { ...candidate, whole };
  } catch (cause) {
    if (cause instanceof RecordVersionError) throw cause;
    folder.warn(path, cause);
    return undefined;
  }
}

/** What tells the writer of a file from the others of its run. */
export function markOf(file: StoredFile): string {
  return file.whole === undefined ? file.change.writer : writerMark(file.whole.writer);
}

/** What a run was doing when a file of it was written. */
export function statusOf(file: StoredFile): RunStatus {
  return file.whole === undefined ? file.change.status ?? "running" : file.whole.status;
}

/** The newest good file of a run; `undefined` if there is none. */
export function newestIn(folder: RunFolder): StoredFile | undefined {
  for (const candidate of candidatesIn(listFolder(folder.path))) {
    const file = readStored(folder, candidate);
    if (file !== undefined) return file;
  }
}

function refuseSequence({ sequence }: Candidate, found: number, path: string): void {
  if (found === sequence) return;
  throw new TypeError(`Cannot use ${path}: it holds checkpoint ${found}`);
}

function refuseAlien(
  { pipelineName, runId }: RunFolder,
  record: CheckpointRecord,
  path: string,
): void {
  const isExpected = record.pipelineName === pipelineName &&
    (runId === undefined || record.runId === runId);
  if (isExpected) return;
  throw new TypeError(
    `Cannot use ${path}: it belongs to run "${record.runId}" of pipeline "${record.pipelineName}"`,
  );
}
