/**
 * The heads of a run: of each sequence one name that only one writer can take, until it is
 * released.
 *
 * @module
 */

import type { CheckpointRecord } from "../pipeline/checkpoint_record.ts";
import { CheckpointConflictError } from "../pipeline/checkpointer.ts";
import { chainsIn, writerOf } from "./file_chains.ts";
import { checkpointName, childOf, DRAFT, headName } from "./file_names.ts";
import { headCandidate, readStored, type RunFolder } from "./file_stored.ts";
import {
  exists,
  type FolderListing,
  isSameFile,
  listFolder,
  removeIfThere,
} from "./file_system.ts";

/**
 * Links a draft as the head of its sequence; `false` if there is one.
 *
 * @throws {CheckpointConflictError} If the draft is gone: somebody's claim swept it away.
 */
export function takeHead(folder: RunFolder, draft: string, record: CheckpointRecord): boolean {
  try {
    Deno.linkSync(draft, headPath(folder, record.sequence));
    return true;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) throw new CheckpointConflictError(record, { cause });
    if (cause instanceof Deno.errors.AlreadyExists) return false;
    throw cause;
  }
}

/**
 * Links a draft as the head of a sequence that has one, if that cannot be read; `false` if it is this
 * writer's own.
 *
 * @throws {CheckpointConflictError} If it is another writer's.
 */
export async function retakeHead(
  folder: RunFolder,
  draft: string,
  record: CheckpointRecord,
): Promise<boolean> {
  do {
    const writer = await writerOf(folder, headCandidate(record.sequence));
    if (writer === record.writer) return false;
    if (writer !== undefined || !exists(headPath(folder, record.sequence))) {
      throw new CheckpointConflictError(record);
    }
    await dropUnreadable(folder, record.sequence);
  } while (!takeHead(folder, draft, record));
  return true;
}

/** Removes a head that has its checkpoint's name, and gives it that if need be; whether it was there. */
export async function releaseHead(folder: RunFolder, sequence: number): Promise<boolean> {
  if (!exists(headPath(folder, sequence))) return false;
  if (!isNamed(folder, sequence, listFolder(folder.path))) {
    if (await isLate(folder, sequence)) return dropHead(folder, sequence) && false;
    await publish(folder, sequence);
  }
  return dropHead(folder, sequence);
}

/**
 * Whether a head has its checkpoint's name, `undefined` where the system does not tell: the name may
 * then be another file's.
 */
export function isNamed(
  folder: RunFolder,
  sequence: number,
  { checkpoints }: FolderListing,
): boolean | undefined {
  const head = headPath(folder, sequence);
  const same = checkpoints.filter((named) => named.sequence === sequence)
    .map(({ name }) => isSameFile(head, childOf(folder.path, name)));
  return same.includes(true) || (same.includes(undefined) ? undefined : false);
}

/** Removes a head; whether it was there. */
export function dropHead(folder: RunFolder, sequence: number): boolean {
  return removeIfThere(headPath(folder, sequence));
}

/** Gives a head its checkpoint's name; who may only read does without. */
export async function publish(folder: RunFolder, sequence: number): Promise<void> {
  const file = readStored(folder, headCandidate(sequence));
  if (file === undefined) return;
  const nodeId = file.whole === undefined ? file.change.node_id : file.whole.nodeId;
  const name = await checkpointName({ sequence, nodeId });
  try {
    await linkHead(folder, sequence, childOf(folder.path, name));
  } catch (error) {
    const { PermissionDenied, NotCapable } = Deno.errors;
    if (!(error instanceof PermissionDenied || error instanceof NotCapable)) throw error;
  }
}

/**
 * Gives a head a name, also where something has it that is torn, or that the head's writer saved
 * before; whether it has the name. One who came too late, and died, may have left the head: what
 * another writer stored stays.
 */
export async function linkHead(
  folder: RunFolder,
  sequence: number,
  path: string,
): Promise<boolean> {
  const head = headPath(folder, sequence);
  const { AlreadyExists, NotFound } = Deno.errors;
  try {
    Deno.linkSync(head, path);
    return true;
  } catch (error) {
    if (error instanceof NotFound) return false;
    if (!(error instanceof AlreadyExists)) throw error;
  }
  if (isSameFile(head, path) !== false) return true;
  if (await isLate(folder, sequence)) return false;
  const aside = childOf(folder.path, DRAFT + crypto.randomUUID());
  try {
    Deno.linkSync(head, aside);
    Deno.renameSync(aside, path);
    return true;
  } catch (error) {
    if (!(error instanceof NotFound)) throw error;
    return false;
  }
}

/** Whether another writer's checkpoint has the head's sequence in its name. */
async function isLate(folder: RunFolder, sequence: number): Promise<boolean> {
  const writer = await writerOf(folder, headCandidate(sequence));
  for (const named of listFolder(folder.path).checkpoints) {
    if (named.sequence !== sequence) continue;
    const owner = await writerOf(folder, named);
    if (owner !== undefined && owner !== writer) return true;
  }
  return false;
}

/** Makes the head that was taken the only one; `false` if it came too late, and was dropped. */
export async function clearTheWay(folder: RunFolder, record: CheckpointRecord): Promise<boolean> {
  if (await isStored(folder, record)) {
    dropHead(folder, record.sequence);
    return false;
  }
  const { checkpoints: [newest], heads } = listFolder(folder.path);
  for (const sequence of heads) {
    if (sequence >= record.sequence) continue;
    // A head below what has its name came too late, and must not get one.
    if (newest !== undefined && sequence < newest.sequence) dropHead(folder, sequence);
    else await releaseHead(folder, sequence);
  }
  return true;
}

/** Whether somebody else's checkpoint of this sequence or a later one is stored. */
export async function isStored(
  folder: RunFolder,
  { sequence, writer }: CheckpointRecord,
): Promise<boolean> {
  for await (const { newest, base } of chainsIn(folder, listFolder(folder.path).checkpoints)) {
    return newest.sequence > sequence || (newest.sequence === sequence && base.writer !== writer);
  }
  return false;
}

/** Removes what dead writers left. Whoever claims a run has it alone: other drafts are lost. */
export async function sweep(folder: RunFolder, below: number): Promise<void> {
  const { drafts, heads, checkpoints } = listFolder(folder.path);
  for (const name of drafts) removeIfThere(childOf(folder.path, name));
  const named = new Set(checkpoints.map(({ sequence }) => sequence));
  for (const sequence of heads) {
    if (sequence >= below) continue;
    // One who came too late and died may have left the head of what is another's checkpoint.
    if (named.has(sequence)) dropHead(folder, sequence);
    else await releaseHead(folder, sequence);
  }
}

/** Path of a head. */
export function headPath(folder: RunFolder, sequence: number): string {
  return childOf(folder.path, headName(sequence));
}

/** Takes a head away that a power loss or a bad disk left, and no rival's that took its place. */
async function dropUnreadable(folder: RunFolder, sequence: number): Promise<void> {
  const head = headPath(folder, sequence);
  const aside = DRAFT + crypto.randomUUID();
  const asidePath = childOf(folder.path, aside);
  try {
    Deno.renameSync(head, asidePath);
    const writer = await writerOf(folder, { ...headCandidate(sequence), name: aside });
    if (writer !== undefined) Deno.linkSync(asidePath, head);
  } catch (error) {
    const { AlreadyExists, NotFound } = Deno.errors;
    if (!(error instanceof AlreadyExists || error instanceof NotFound)) throw error;
  }
  removeIfThere(asidePath);
}
