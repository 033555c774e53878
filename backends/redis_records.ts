/**
 * Records read back from what scripts tell of them: whole checkpoints, and the changes since,
 * separated by commas.
 *
 * @module
 */

import {
  type CheckpointRecord,
  type LoadedRecord,
  RecordVersionError,
} from "../pipeline/checkpointer.ts";
import { recordFromText } from "../pipeline/record.ts";
import {
  foldHistory,
  foldLatest,
  isStoredChange,
  type StoredChange,
} from "../pipeline/stored_change.ts";
import { reasonOf, RedisError } from "./redis_error.ts";

/** The latest checkpoint of a run, as a script tells it. */
export interface ToldLatest {
  /** Its sequence. */
  readonly sequence: string;
  /** For how many milliseconds nothing was heard of its worker; empty where that is not known. */
  readonly idle: string;
  /** The whole checkpoint that its chain begins with. */
  readonly whole: string;
  /** The changes since. */
  readonly changes: string;
}

/**
 * The latest checkpoint of a run; `undefined` if what is there ends with an earlier one.
 *
 * @param where Names the run in errors.
 * @throws {RedisError} If what is there is damaged.
 * @throws {RecordVersionError} If a newer version of this package wrote it.
 */
export function latestOf(told: ToldLatest, where: string): LoadedRecord | undefined {
  try {
    const base = recordFromText(told.whole, where, "");
    const changes = changesOf(told.changes, where);
    const record = changes.length === 0 ? base : foldLatest(base, changes, where);
    if (record.sequence !== Number(told.sequence)) return undefined;
    return { ...record, idleMs: idleMsOf(told.idle) };
  } catch (cause) {
    throw damaged(cause, where);
  }
}

/** The checkpoints of a chain, newest first; the errors are those of {@linkcode latestOf}. */
export function* historyOf(
  whole: string,
  changes: string,
  where: string,
): Iterable<CheckpointRecord> {
  try {
    const base = recordFromText(whole, where, "");
    yield* foldHistory(base, changesOf(changes, where), where);
  } catch (cause) {
    throw damaged(cause, where);
  }
}

/** The changes in a text. */
export function changesOf(text: string, where: string): readonly StoredChange[] {
  if (text === "") return [];
  const changes: readonly unknown[] = JSON.parse(`[${text}]`);
  return changes.map((change) => {
    if (isStoredChange(change)) return change;
    throw new TypeError(`Cannot read ${where}: among its changes is something else`);
  });
}

/** For how many milliseconds nothing was heard of a run. */
export function idleMsOf(told: string): number | undefined {
  return told === "" ? undefined : Number(told);
}

function damaged(cause: unknown, where: string): Error {
  if (cause instanceof RecordVersionError) return cause;
  return new RedisError(
    `Cannot read ${where}: what is stored of it is damaged (${reasonOf(cause)}); restore it, or ` +
      "delete the run",
    { cause },
  );
}
