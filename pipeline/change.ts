/**
 * What a checkpoint changes against the one before it, found by identity, and folding it back.
 *
 * @module
 */

import type { CheckpointChange, CheckpointRecord, TaskRecord } from "./checkpointer.ts";
import { startsWith } from "./grown_list.ts";
import { isList, type Json, type JsonObject } from "./json.ts";
import { changedBetween } from "./task_list.ts";

/** A record without the parts that grow: what a store keeps whole beside a change. */
export type CheckpointHead = Omit<CheckpointRecord, "state" | "completedNodes" | "tasks">;

/**
 * What `next` changes against `previous`. Unchanged values must be the very same values, as they
 * are in the records of one run; the cost follows the change, not the size of the state.
 */
export function changeBetween(
  previous: CheckpointRecord,
  next: CheckpointRecord,
): CheckpointChange {
  const set: [string, Json][] = [];
  const appended: [string, readonly Json[]][] = [];
  for (const [field, value] of Object.entries(next.state)) {
    const before = ownField(previous.state, field);
    if (value === before) continue;
    if (isList(value) && isList(before) && before.length > 0 && startsWith(value, before)) {
      appended.push([field, value.slice(before.length)]);
    } else {
      set.push([field, value]);
    }
  }
  const removed = Object.keys(previous.state).filter((field) => !Object.hasOwn(next.state, field));
  return {
    since: previous.sequence,
    set: Object.fromEntries(set),
    appended: Object.fromEntries(appended),
    removed,
    completedNodes: next.completedNodes.slice(previous.completedNodes.length),
    tasks: changedTasks(previous.tasks, next.tasks),
  };
}

/** The whole record of which only the head and the change against `previous` were stored. */
export function applyChange(
  previous: CheckpointRecord,
  head: CheckpointHead,
  change: CheckpointChange,
): CheckpointRecord {
  const fields = new Map(Object.entries(previous.state));
  for (const field of change.removed) fields.delete(field);
  for (const [field, value] of Object.entries(change.set)) fields.set(field, value);
  for (const [field, items] of Object.entries(change.appended)) {
    const list = fields.get(field);
    fields.set(field, isList(list) ? [...list, ...items] : items);
  }
  return {
    ...head,
    state: Object.fromEntries(fields),
    completedNodes: [...previous.completedNodes, ...change.completedNodes],
    tasks: "all" in change.tasks
      ? change.tasks.all
      : withFinished(previous.tasks, change.tasks.finished),
  };
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

function withFinished(
  tasks: readonly TaskRecord[],
  finished: readonly (readonly [number, TaskRecord])[],
): readonly TaskRecord[] {
  const changed = new Map(finished);
  return tasks.map((task, index) => changed.get(index) ?? task);
}

function ownField(object: JsonObject, field: string): Json | undefined {
  return Object.hasOwn(object, field) ? object[field] : undefined;
}
