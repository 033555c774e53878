/**
 * What a checkpoint changes against the one before it, found by identity, and folding it back.
 *
 * @module
 */

import type { CheckpointChange, CheckpointRecord } from "./checkpoint_record.ts";
import { type Fields, ownField, setField } from "./fields.ts";
import { startsWith } from "./grown_list.ts";
import { isList, type Json, type JsonObject } from "./json.ts";
import { type CheckpointHead, startFold } from "./record_fold.ts";
import { changedBetween } from "./task_list.ts";
import type { TaskRecord } from "./task_record.ts";

/**
 * What `next` changes against `previous`. Unchanged values must be the very same values, as they
 * are in the records of one run; the cost follows the change, not the size of the state.
 *
 * @param finished The visits that finished in between, where that is known.
 */
export function changeBetween(
  previous: CheckpointRecord,
  next: CheckpointRecord,
  finished: readonly string[] = next.completedNodes.slice(previous.completedNodes.length),
): CheckpointChange {
  const set: Fields<Json> = {};
  const appended: Fields<readonly Json[]> = {};
  let known = 0;
  for (const field of Object.keys(next.state)) {
    const value = next.state[field];
    const before = ownField(previous.state, field);
    if (before !== undefined) known++;
    if (value === before || value === undefined) continue;
    if (isList(value) && isList(before) && before.length > 0 && startsWith(value, before)) {
      setField(appended, field, value.slice(before.length));
    } else {
      setField(set, field, value);
    }
  }
  return {
    since: previous.sequence,
    sinceWriter: previous.writer,
    set,
    appended,
    removed: removedFields(previous.state, next.state, known),
    completedNodes: finished,
    tasks: changedTasks(previous.tasks, next.tasks),
  };
}

/**
 * The fields that only the previous state has.
 *
 * @param known How many fields both have.
 */
function removedFields(previous: JsonObject, next: JsonObject, known: number): readonly string[] {
  const fields = Object.keys(previous);
  return fields.length === known ? [] : fields.filter((field) => !Object.hasOwn(next, field));
}

/** The whole record of which only the head and the change against `previous` were stored. */
export function applyChange(
  previous: CheckpointRecord,
  head: CheckpointHead,
  change: CheckpointChange,
): CheckpointRecord {
  const fold = startFold(previous);
  fold.apply(change);
  return fold.record(head);
}

function changedTasks(
  previous: readonly TaskRecord[],
  next: readonly TaskRecord[],
): CheckpointChange["tasks"] {
  const indexes = changedBetween(previous, next) ?? differences(previous, next);
  if (indexes === undefined) return { all: next };
  return {
    finished: indexes.flatMap((index) => {
      const task = next[index];
      return task === undefined ? [] : [[index, task] as const];
    }),
  };
}

/** The indexes at which two lists of tasks differ, if they are of one step. */
function differences(
  previous: readonly TaskRecord[],
  next: readonly TaskRecord[],
): readonly number[] | undefined {
  const isSameStep = previous.length === next.length &&
    next.every((task, index) => isSameTask(task, previous[index]));
  if (!isSameStep) return undefined;
  return next.flatMap((task, index) => task === previous[index] ? [] : [index]);
}

/** A visit of a node is one task of one step, so node and visit tell the steps apart. */
function isSameTask(task: TaskRecord, other: TaskRecord | undefined): boolean {
  return task === other || (task.node === other?.node && task.visit === other.visit);
}
