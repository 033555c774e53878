/**
 * The folder of one run: saving into it against rivals, and finding what is good in it.
 *
 * @module
 */

import { join } from "@std/path";
import {
  CheckpointConflictError,
  type CheckpointRecord,
  RecordVersionError,
} from "../pipeline/checkpointer.ts";
import { recordFromText, recordToText } from "../pipeline/record.ts";
import { checkpointName, headName } from "./file_names.ts";
import { countNames, listFolder, reasonOf, removeIfThere, writeDraft } from "./file_system.ts";

/** A folder, and the run that its files must belong to, as far as the reader knows. */
export interface RunFolder {
  /** Path of the folder. */
  readonly path: string;
  /** Name of the pipeline. */
  readonly pipelineName: string;
  /** Id of the run; unknown while runs are listed. */
  readonly runId?: string;
  /** Is told of files that are no checkpoints of the run. */
  readonly warn: (path: string, cause: unknown) => void;
}

/** A head that is known to have its second name. */
export interface PublishedHead {
  /** Path of the folder. */
  readonly path: string;
  /** Its sequence. */
  readonly sequence: number;
}

/**
 * Stores a checkpoint. A draft is written, synced, and linked as the head of its sequence: of two
 * writers, one finds the name taken. The head then gets its checkpoint's name too, and the head
 * before it goes. No head goes before it has its second name: a save that died between the two is
 * completed by whoever comes next.
 *
 * @throws {CheckpointConflictError} If another writer saved this sequence, or a later one is there.
 */
export async function saveIn(
  folder: RunFolder,
  record: CheckpointRecord,
  sync: boolean,
  published: PublishedHead | undefined,
): Promise<void> {
  const name = checkpointName(record);
  const path = join(folder.path, typeof name === "string" ? name : await name);
  const draft = await writeDraft(folder.path, recordToText(record) + "\n", sync);
  try {
    if (!await takeHead(folder, draft, record)) return await repeat(folder, draft, path, record);
  } finally {
    removeIfThere(draft);
  }
  // Whoever finds the head before this one knows that nothing newer is stored. Who does not (a gap,
  // the Python framework's files, or we are late) has to look.
  const before = record.sequence - 1;
  const isReleased = published?.path === folder.path && published.sequence === before
    ? removeIfThere(join(folder.path, headName(before)))
    : await releaseHead(folder, before);
  if (!isReleased) await clearTheWay(folder, record);
  await publishOwn(folder, path, record);
  if (record.sequence === 0 || record.resume !== undefined) await sweep(folder);
}

/** The newest good checkpoint. A head that nobody published yet is published. */
export async function latestIn(folder: RunFolder): Promise<CheckpointRecord | undefined> {
  const { checkpoints, heads } = listFolder(folder.path);
  const newest = checkpoints[0]?.sequence ?? -1;
  for (const sequence of heads.filter((sequence) => sequence > newest)) {
    const record = await publishFor(folder, sequence);
    if (record !== undefined) return record;
  }
  for (const { sequence, name } of checkpoints) {
    const record = await readGood(folder, join(folder.path, name), sequence);
    if (record !== undefined) return record;
  }
}

/** Every good checkpoint, newest first. */
export async function* historyIn(folder: RunFolder): AsyncIterable<CheckpointRecord> {
  const latest = await latestIn(folder);
  if (latest === undefined) return;
  yield latest;
  let last = latest.sequence;
  for (const { sequence, name } of listFolder(folder.path).checkpoints) {
    if (sequence >= last) continue;
    const record = await readGood(folder, join(folder.path, name), sequence);
    if (record === undefined) continue;
    last = sequence;
    yield record;
  }
}

/** Links a draft as the head of its sequence; `false` if this writer has done so before. */
async function takeHead(
  folder: RunFolder,
  draft: string,
  record: CheckpointRecord,
): Promise<boolean> {
  const head = join(folder.path, headName(record.sequence));
  for (;;) {
    try {
      Deno.linkSync(draft, head);
      return true;
    } catch (error) {
      // Somebody's claim swept the draft away: the run is theirs.
      if (error instanceof Deno.errors.NotFound) {
        throw new CheckpointConflictError(record, { cause: error });
      }
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
    const holder = await readFile(folder, head, record.sequence);
    if (holder === "torn") {
      // A head is complete before it gets its name: only a power loss, unsynced, leaves this.
      removeIfThere(head);
    } else if (holder?.writer === record.writer) {
      return false;
    } else {
      throw new CheckpointConflictError(record);
    }
  }
}

/** Makes the head that was taken the only one, unless it came too late. */
async function clearTheWay(folder: RunFolder, record: CheckpointRecord): Promise<void> {
  if (await isStored(folder, record)) {
    removeIfThere(join(folder.path, headName(record.sequence)));
    throw new CheckpointConflictError(record);
  }
  for (const sequence of listFolder(folder.path).heads) {
    if (sequence < record.sequence) await releaseHead(folder, sequence);
  }
}

/** Removes a head that has its second name, and gives it that if need be; whether it was there. */
async function releaseHead(folder: RunFolder, sequence: number): Promise<boolean> {
  const head = join(folder.path, headName(sequence));
  const names = countNames(head);
  if (names === undefined) return false;
  if (names < 2) await publishFor(folder, sequence);
  return removeIfThere(head);
}

/** Whether somebody else's checkpoint of this sequence or a later one is stored. */
async function isStored(folder: RunFolder, record: CheckpointRecord): Promise<boolean> {
  for (const { sequence, name } of listFolder(folder.path).checkpoints) {
    if (sequence < record.sequence) return false;
    const stored = await readGood(folder, join(folder.path, name), sequence);
    if (stored === undefined) continue;
    // A reader may have published our own head already.
    if (stored.sequence > record.sequence || stored.writer !== record.writer) return true;
  }
  return false;
}

/** Replaces the latest checkpoint by what its own writer saves again. */
async function repeat(
  folder: RunFolder,
  draft: string,
  path: string,
  record: CheckpointRecord,
): Promise<void> {
  const latest = await latestIn(folder);
  if (latest !== undefined && latest.sequence > record.sequence) {
    throw new CheckpointConflictError(record);
  }
  // The head first: its content is what a rival's release would publish.
  const second = `${draft}-2`;
  Deno.linkSync(draft, second);
  Deno.renameSync(second, join(folder.path, headName(record.sequence)));
  Deno.renameSync(draft, path);
  for (const { sequence, name } of listFolder(folder.path).checkpoints) {
    const other = join(folder.path, name);
    if (sequence === record.sequence && other !== path) removeIfThere(other);
  }
}

/** Gives the head that was taken its checkpoint's name. */
async function publishOwn(
  folder: RunFolder,
  path: string,
  record: CheckpointRecord,
): Promise<void> {
  const head = join(folder.path, headName(record.sequence));
  try {
    Deno.linkSync(head, path);
  } catch (error) {
    const { AlreadyExists, NotFound } = Deno.errors;
    if (!(error instanceof AlreadyExists || error instanceof NotFound)) throw error;
    // Somebody published it for us, unless what has the name is torn.
    const stored = await readGood(folder, path, record.sequence);
    if (stored?.writer === record.writer) return;
    if (error instanceof NotFound) throw new CheckpointConflictError(record);
    removeIfThere(path);
    Deno.linkSync(head, path);
  }
}

/** Publishes what a save left when it died; who may only read does without. */
async function publishFor(
  folder: RunFolder,
  sequence: number,
): Promise<CheckpointRecord | undefined> {
  const head = join(folder.path, headName(sequence));
  const record = await readGood(folder, head, sequence);
  if (record === undefined) return undefined;
  try {
    Deno.linkSync(head, join(folder.path, await checkpointName(record)));
  } catch (error) {
    const { AlreadyExists, NotFound, PermissionDenied, NotCapable } = Deno.errors;
    const expected = [AlreadyExists, NotFound, PermissionDenied, NotCapable];
    if (!expected.some((type) => error instanceof type)) throw error;
  }
  return record;
}

/** Removes what dead writers left. Whoever claims a run has it alone: other drafts are lost. */
async function sweep(folder: RunFolder): Promise<void> {
  const { drafts, heads } = listFolder(folder.path);
  for (const name of drafts) removeIfThere(join(folder.path, name));
  for (const sequence of heads.slice(1)) await releaseHead(folder, sequence);
}

/** Reads one checkpoint; `undefined` where there is none that is good. */
async function readGood(
  folder: RunFolder,
  path: string,
  sequence: number,
): Promise<CheckpointRecord | undefined> {
  const record = await readFile(folder, path, sequence);
  return record === "torn" ? undefined : record;
}

/** Reads one file; `undefined` if there is none. What is no checkpoint of the run is told. */
async function readFile(
  folder: RunFolder,
  path: string,
  sequence: number,
): Promise<CheckpointRecord | "torn" | undefined> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new Error(`Cannot read ${path}: ${reasonOf(error)}`, { cause: error });
  }
  try {
    const record = recordFromText(text, path, "");
    refuseAlien(folder, record, sequence, path);
    return record.savedAt === "" ? { ...record, savedAt: modifiedAt(path) } : record;
  } catch (cause) {
    if (cause instanceof RecordVersionError) throw cause;
    folder.warn(path, cause);
    return "torn";
  }
}

function refuseAlien(
  { pipelineName, runId }: RunFolder,
  record: CheckpointRecord,
  sequence: number,
  path: string,
): void {
  const isExpected = record.sequence === sequence && record.pipelineName === pipelineName &&
    (runId === undefined || record.runId === runId);
  if (isExpected) return;
  throw new TypeError(
    `Cannot use ${path}: it holds checkpoint ${record.sequence} of run "${record.runId}" of ` +
      `pipeline "${record.pipelineName}"`,
  );
}

/** When a file was written, for records that do not tell; the Python framework's do not. */
function modifiedAt(path: string): string {
  return (Deno.statSync(path).mtime ?? new Date(0)).toISOString();
}
