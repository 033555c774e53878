/**
 * Saving into the folder of one run, against rivals and power loss.
 *
 * @module
 */

import type { CheckpointRecord } from "../pipeline/checkpoint_record.ts";
import { CheckpointConflictError } from "../pipeline/checkpointer.ts";
import { writerOf } from "./file_chains.ts";
import {
  clearTheWay,
  dropHead,
  headPath,
  isStored,
  linkHead,
  releaseHead,
  retakeHead,
  sweep,
  takeHead,
} from "./file_heads.ts";
import { checkpointName, childOf, LATEST } from "./file_names.ts";
import { writerMark } from "../pipeline/stored_change.ts";
import { headCandidate, markOf, newestIn, readStored, type RunFolder } from "./file_stored.ts";
import {
  type Draft,
  exists,
  isNameOf,
  linkIfFree,
  listFolder,
  moveIfThere,
  removeIfThere,
  writeDraft,
} from "./file_system.ts";

/** The checkpoint upon which alone another one may be saved. */
export interface Upon {
  /** Its sequence. */
  readonly sequence: number;
  /** What tells its writer. */
  readonly mark: string;
}

/** A head that is known to have its checkpoint's name. */
export interface PublishedHead extends Upon {
  /**
   * Path of the draft that is kept of the run: a name that no other file has or gets. While it is
   * there, the run is the one that was saved, and nobody has claimed it since.
   */
  readonly kept: string | undefined;
  /** Whether it was given the name by which lists find it. */
  readonly isFound: boolean;
}

/** A checkpoint to be saved. */
export interface Save {
  /** The record that it stands for. */
  readonly record: CheckpointRecord;
  /** What is written. */
  readonly text: string;
  /** Whether that is a change of the checkpoint before it. */
  readonly isChange: boolean;
  /** Whether it has to be on the disk. */
  readonly sync: boolean;
  /** The checkpoint that has to be the latest; unknown where nobody says what was changed. */
  readonly upon: Upon | undefined;
  /** What this instance saved of the run last. */
  readonly published: PublishedHead | undefined;
}

/**
 * Stores a checkpoint. A draft is written and linked as the head of its sequence: of two writers,
 * one finds the name taken. The head then gets its checkpoint's name too, and the head before it
 * goes. No head goes before it has its second name: a save that died between the two is completed
 * by whoever comes next.
 *
 * The draft's name then becomes `.latest`, by which lists find it. The checkpoint before it lost that name
 * before the head was taken: where it is, no save has come that far since, unless the name was given
 * late, to what is the head no more.
 *
 * One `fsync` of the file ends it. On a journaling file system, the file's data and its names are
 * then on the disk, and with them all that was done to the folders before. When the power fails
 * earlier, the file may have its names and not its data: it was never saved, and is passed over.
 *
 * A run that is deleted takes its drafts along: of a draft that lies beside what it is saved upon,
 * nothing comes back. Nor does a draft outlive a claim. So whoever goes on with a run keeps one of its
 * drafts, and once it has written another one, looks whether that is there: it need not read whether
 * it still has the run. What it keeps is the first, for ext4 takes a tenth longer to sync a file that
 * has the name under which it was made.
 *
 * @returns Its head; nothing if it was not saved, as a change where what it changes is no head.
 * @throws {CheckpointConflictError} If another writer saved this sequence, a later one is there, or
 * what it is to be saved upon is not the latest.
 */
export async function saveIn(
  folder: RunFolder,
  save: Save,
): Promise<PublishedHead | undefined> {
  const { record, sync } = save;
  const checkpoint = checkpointName(record);
  const name = typeof checkpoint === "string" ? checkpoint : await checkpoint;
  const draft = draftOf(folder, save);
  let kept: string | undefined;
  let isFound = false;
  try {
    const found = keptOf(save);
    if (found === undefined && !isUponLatest(folder, save)) {
      throw new CheckpointConflictError(record);
    }
    const latest = childOf(folder.path, LATEST);
    if (save.published?.isFound !== false) removeIfThere(latest);
    const isPlaced = await place(folder, draft, name, save);
    kept = isPlaced && keepsDraft(save) ? found ?? draft.path : undefined;
    if (!isPlaced) removeIfThere(draft.path);
    else if (kept !== draft.path) isFound = moveIfThere(draft.path, latest);
    if (kept !== save.published?.kept) dropDraft(save.published);
    if (!isPlaced) return undefined;
    if (sync) await draft.file.sync();
  } catch (error) {
    removeIfThere(draft.path);
    throw error;
  } finally {
    draft.file.close();
  }
  const { sequence, writer } = record;
  if (sequence === 0 || record.resume !== undefined) await sweep(folder, sequence);
  return { sequence, mark: writerMark(writer), kept, isFound };
}

/** Removes the draft that is kept of a run which is saved through this instance no more. */
export function dropDraft(published: PublishedHead | undefined): void {
  if (published?.kept !== undefined) removeIfThere(published.kept);
}

/** The draft that is kept of the run, if it is there, and what was saved last is saved upon. */
function keptOf({ upon, published }: Save): string | undefined {
  const isKnown = published?.sequence === upon?.sequence && published?.mark === upon?.mark;
  const path = isKnown ? published?.kept : undefined;
  return path !== undefined && exists(path) ? path : undefined;
}

/** Whether another save of the same worker is to follow this one. */
function keepsDraft({ record, upon }: Save): boolean {
  return upon !== undefined && record.status === "running" && record.leaseMs !== 0;
}

function draftOf({ path }: RunFolder, { record, text, upon }: Save): Draft {
  try {
    return writeDraft(path, text, upon === undefined);
  } catch (cause) {
    if (upon === undefined || !(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new CheckpointConflictError(record, { cause });
  }
}

/** Whether the latest checkpoint is the one to be saved upon, or an earlier try of the same save. */
function isUponLatest(folder: RunFolder, { record, upon }: Save): boolean {
  if (upon === undefined) return true;
  const beneath = readStored(folder, headCandidate(upon.sequence));
  const latest = beneath ?? newestIn(folder);
  if (latest === undefined) return false;
  const { sequence, writer } = record;
  return (latest.sequence === upon.sequence && markOf(latest) === upon.mark) ||
    (latest.sequence === sequence && markOf(latest) === writerMark(writer));
}

/** Gives a draft its names, against rivals; whether it has them. */
async function place(
  folder: RunFolder,
  draft: Draft,
  name: string,
  save: Save,
): Promise<boolean> {
  const { record, isChange, sync, published } = save;
  const isTaken = takeHead(folder, draft.path, record) ||
    await retakeHead(folder, draft.path, record);
  if (!isTaken) {
    if (!isChange) await repeat(folder, draft, name, record, sync);
    return !isChange;
  }
  // Whoever finds the head before this one knows that nothing newer is stored. Who does not (a gap,
  // the Python framework's files, or we are late) has to look.
  const before = record.sequence - 1;
  const isReleased = published?.sequence === before
    ? dropHead(folder, before)
    : await releaseHead(folder, before);
  if (!isReleased && isChange) {
    dropHead(folder, record.sequence);
    return false;
  }
  const path = childOf(folder.path, name);
  if (!isReleased && !await clearTheWay(folder, record)) {
    // Who saved the later one may have met the head, and given it its name: then it was in time.
    if (isNameOf(draft.file.statSync().ino, path)) return true;
    throw new CheckpointConflictError(record);
  }
  if (!linkIfFree(headPath(folder, record.sequence), path)) await publishOwn(folder, name, record);
  return true;
}

/** Replaces the latest checkpoint by what its own writer saves again. */
async function repeat(
  folder: RunFolder,
  draft: Draft,
  name: string,
  record: CheckpointRecord,
  sync: boolean,
): Promise<void> {
  // What it takes the place of was on the disk: so must this be, before it has the names.
  if (sync) await draft.file.syncData();
  if (await isStored(folder, record)) throw new CheckpointConflictError(record);
  const head = headPath(folder, record.sequence);
  try {
    // The head first: its content is the truth about the sequence, and it has no other name yet.
    Deno.renameSync(draft.path, head);
    for (const other of listFolder(folder.path).checkpoints) {
      if (other.sequence === record.sequence) removeIfThere(childOf(folder.path, other.name));
    }
    Deno.linkSync(head, childOf(folder.path, name));
  } catch (error) {
    // Somebody who reads has published it for us.
    if (error instanceof Deno.errors.AlreadyExists) return;
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new CheckpointConflictError(record, { cause: error });
  }
}

/**
 * Gives the head that was taken its checkpoint's name, where something has that, or the head is gone.
 *
 * @throws {CheckpointConflictError} If another's checkpoint has it: the save came too late, or the run
 * was deleted since, and perhaps begun anew.
 */
async function publishOwn(
  folder: RunFolder,
  name: string,
  record: CheckpointRecord,
): Promise<void> {
  const { sequence, writer } = record;
  // Somebody published it for us, unless what has the name is torn.
  const holder = await writerOf(folder, { sequence, name, isHead: false });
  if (holder === writer) return;
  const isOurs = await writerOf(folder, headCandidate(sequence)) === writer;
  if (
    isOurs && holder === undefined && await linkHead(folder, sequence, childOf(folder.path, name))
  ) return;
  if (isOurs) dropHead(folder, sequence);
  throw new CheckpointConflictError(record);
}
