/**
 * Records read back from what scripts tell of them: whole checkpoints, and the changes since.
 *
 * @module
 */

import type { CheckpointRecord } from "../pipeline/checkpoint_record.ts";
import { type LoadedRecord, RecordVersionError } from "../pipeline/checkpointer.ts";
import { recordFromText } from "../pipeline/record.ts";
import { foldHistory, foldLatest } from "../pipeline/stored_chain.ts";
import { isStoredChange, type StoredChange } from "../pipeline/stored_change.ts";
import { reasonOf, RedisError } from "./redis_error.ts";
import { listOf, textOf, textsOf } from "./redis_script.ts";

/** The latest checkpoint of a run, as a script tells it. */
export interface ToldLatest {
  /** Its sequence; where there is no checkpoint, the run's standing. */
  readonly sequence: string;
  /** For how many milliseconds nothing was heard of its worker, where that is known. */
  readonly idleMs: number | undefined;
  /** The whole checkpoint that its chain begins with, if there is one. */
  readonly whole: string | undefined;
  /** The changes since. */
  readonly changes: string;
}

/** What a script told of the latest checkpoint of a run. */
export function toldLatest(reply: unknown): ToldLatest {
  const [sequence, now, heard, score, whole, changes = []] = listOf(reply);
  return {
    sequence: textOf(sequence) ?? "unknown",
    idleMs: idleMsAt(textOf(now), textOf(heard), textOf(score)),
    whole: textOf(whole),
    changes: textsOf(changes).join(","),
  };
}

/**
 * The latest checkpoint of a run; `undefined` if what is there ends with an earlier one.
 *
 * @param where Names the run in errors.
 * @throws {RedisError} If what is there is damaged.
 * @throws {RecordVersionError} If a newer version of this package wrote it.
 */
export function latestOf(
  { sequence, idleMs, whole = "", changes }: ToldLatest,
  where: string,
): LoadedRecord | undefined {
  try {
    const base = recordFromText(whole, where, "");
    const since = changesOf(changes, where);
    const record = since.length === 0 ? base : foldLatest(base, since, where);
    if (record.sequence !== Number(sequence)) return undefined;
    return { ...record, idleMs };
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

/**
 * For how many milliseconds nothing was heard of a run, if that is known.
 *
 * @param now The time, in seconds since 1970.
 * @param heard When its worker was heard of beside its saves, in milliseconds, `0` for never, empty
 * where unknown.
 * @param score When it was saved last, in seconds.
 */
export function idleMsAt(now = "", heard = "", score = "0"): number | undefined {
  if (heard === "") return undefined;
  const heardAt = Math.max(Number(heard), Number(score) * 1_000);
  return Math.max(0, Math.round(Number(now) * 1_000 - heardAt));
}

function damaged(cause: unknown, where: string): Error {
  if (cause instanceof RecordVersionError) return cause;
  return new RedisError(
    `Cannot read ${where}: what is stored of it is damaged (${reasonOf(cause)}); restore it, or ` +
      "delete the run",
    { cause },
  );
}
