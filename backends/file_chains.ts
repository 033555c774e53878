/**
 * The chains of a run: each a whole record and the changes that were saved upon it.
 *
 * @module
 */

import type { CheckpointRecord } from "../pipeline/checkpoint_record.ts";
import { sinceOf, type StoredChange } from "../pipeline/stored_change.ts";
import { childOf } from "./file_names.ts";
import {
  type Candidate,
  markOf,
  readStored,
  type RunFolder,
  type StoredFile,
} from "./file_stored.ts";
import { exists, listFolder, makeTurns } from "./file_system.ts";

/** A chain whose files are all there and good. */
export interface FileChain {
  /** The file of its newest checkpoint. */
  readonly newest: Candidate;
  /** The record that it begins with. */
  readonly base: CheckpointRecord;
  /** The changes, oldest first. */
  readonly changes: readonly StoredChange[];
}

/** A change whose base is still to come, and the changes that were saved upon it. */
interface Link {
  readonly file: StoredFile;
  readonly change: StoredChange;
  readonly newest: Candidate;
  readonly above: Link | undefined;
}

/**
 * Reads chains, the one with the newest checkpoint first, and no further than it is asked. Changes
 * without an unbroken chain are told, and hide nothing below them.
 *
 * @param candidates The files, newest first.
 */
export async function* chainsIn(
  folder: RunFolder,
  candidates: readonly Candidate[],
): AsyncIterable<FileChain> {
  const takeTurn = makeTurns();
  let waiting: readonly Link[] = [];
  const complete: FileChain[] = [];
  for (let index = 0; index < candidates.length;) {
    await takeTurn();
    const rivals = rivalsAt(candidates, index);
    index += rivals.length;
    const files = readRivals(folder, rivals);
    if (files.length === 0) continue;
    const step = connect(folder, waiting, files);
    waiting = step.waiting;
    complete.push(...step.complete);
    if (complete.length > 0) yield* takeNewest(complete, waiting);
  }
  for (const link of waiting) warnBroken(folder, link);
  yield* complete;
}

/** Who wrote the checkpoint in a file; `undefined` where it cannot be read. */
export async function writerOf(
  folder: RunFolder,
  file: Candidate,
): Promise<string | undefined> {
  const { checkpoints } = listFolder(folder.path);
  const older = checkpoints.filter(({ sequence }) => sequence < file.sequence);
  for await (const { newest, base } of chainsIn(folder, [file, ...older])) {
    return newest.sequence === file.sequence ? base.writer : undefined;
  }
}

/** The files of one sequence, of which a disk that was torn can leave several. */
function rivalsAt(candidates: readonly Candidate[], begin: number): readonly Candidate[] {
  let end = begin + 1;
  while (candidates[end]?.sequence === candidates[begin]?.sequence) end++;
  return candidates.slice(begin, end);
}

function readRivals(folder: RunFolder, rivals: readonly Candidate[]): readonly StoredFile[] {
  const files: StoredFile[] = [];
  for (const rival of rivals) {
    const file = readStored(folder, rival);
    if (file === undefined) continue;
    if (file.isHead) return [file];
    files.push(file);
  }
  return files;
}

interface Step {
  readonly waiting: readonly Link[];
  readonly complete: readonly FileChain[];
}

/** Puts the files of the next sequence below the changes that wait for them. */
function connect(folder: RunFolder, above: readonly Link[], files: readonly StoredFile[]): Step {
  const waiting: Link[] = [];
  const complete: FileChain[] = [];
  const isTaken = new Set<StoredFile>();
  const put = (file: StoredFile, link: Link | undefined) => {
    isTaken.add(file);
    const newest = link?.newest ?? file;
    if (file.whole === undefined) waiting.push({ file, change: file.change, newest, above: link });
    else complete.push({ newest, base: file.whole, changes: changesFrom(link) });
  };
  for (const link of above) {
    const isNext = files.filter((file) => isBaseOf(link, file));
    if (isNext.length === 0) warnBroken(folder, link);
    for (const file of isNext) put(file, link);
  }
  for (const file of files) if (!isTaken.has(file)) put(file, undefined);
  return { waiting, complete };
}

function isBaseOf({ change, file }: Link, base: StoredFile): boolean {
  return base.sequence === sinceOf(change) && markOf(base) === markOf(file);
}

function changesFrom(lowest: Link | undefined): readonly StoredChange[] {
  const changes: StoredChange[] = [];
  for (let link = lowest; link !== undefined; link = link.above) changes.push(link.change);
  return changes;
}

/** Takes the chains out that nothing newer can come before any more. */
function takeNewest(complete: FileChain[], waiting: readonly Link[]): readonly FileChain[] {
  complete.sort((one, other) => other.newest.sequence - one.newest.sequence);
  const newest = Math.max(-1, ...waiting.map((link) => link.newest.sequence));
  const count = complete.findIndex((chain) => chain.newest.sequence < newest);
  return complete.splice(0, count < 0 ? complete.length : count);
}

function warnBroken(folder: RunFolder, lowest: Link): void {
  // Of a run that is deleted meanwhile there is nothing to tell.
  if (!exists(folder.path)) return;
  const since = sinceOf(lowest.change);
  for (let link: Link | undefined = lowest; link !== undefined; link = link.above) {
    const path = childOf(folder.path, link.file.name);
    folder.warn(
      path,
      new TypeError(`Cannot use ${path}: checkpoint ${since} before it is missing`),
    );
  }
}
