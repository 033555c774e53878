/**
 * The tasks of a step as checkpoints list them: of two lists of one step it is known by their
 * identity which tasks finished in between, so that a fan-out does not walk all of its tasks with
 * every save.
 *
 * @module
 */

import type { TaskRecord } from "./task_record.ts";

/** The stored form of a step's tasks. */
export interface TaskList {
  /** The tasks. */
  readonly records: TaskRecord[];
  /** The index of each that is no longer as it was when the step began, in the order of that. */
  readonly changed: number[];
}

/** How many of its step's changes a list holds. */
interface Progress {
  readonly changed: readonly number[];
  readonly count: number;
}

const progressOf = new WeakMap<readonly TaskRecord[], Progress>();

/** What a task's record tells whatever came of the task. */
type TaskBase = Pick<
  TaskRecord,
  "node" | "visit" | "begunAs" | "payload" | "answer" | "failures"
>;

/** A task's record without what came of the task. */
export function withoutOutcome(
  { node, visit, begunAs, payload, answer, failures }: TaskBase,
): TaskBase {
  const base = payload === undefined ? { node, visit } : { node, visit, payload };
  const named = begunAs === undefined ? base : { ...base, begunAs };
  const told = answer === undefined ? named : { ...named, answer };
  return failures === undefined ? told : { ...told, failures };
}

/** Sets the record of one task. */
export function setTask({ records, changed }: TaskList, index: number, record: TaskRecord): void {
  records[index] = record;
  changed.push(index);
}

/** The tasks as they are now: a list that stays as it is. */
export function listTasks({ records, changed }: TaskList): readonly TaskRecord[] {
  const tasks = records.slice();
  if (changed.length > 0) progressOf.set(tasks, { changed, count: changed.length });
  return tasks;
}

/**
 * The indexes at which two lists of one step may differ, in order, where that is known.
 *
 * @param previous The list that was made first.
 */
export function changedBetween(
  previous: readonly TaskRecord[],
  next: readonly TaskRecord[],
): readonly number[] | undefined {
  const [since, until] = [progressOf.get(previous), progressOf.get(next)];
  if (since === undefined || since.changed !== until?.changed) return undefined;
  const indexes = new Set(until.changed.slice(since.count, until.count));
  return [...indexes].sort((one, other) => one - other);
}
