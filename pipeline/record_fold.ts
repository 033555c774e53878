/**
 * Folding changes into the record that they begin with, so that readers see whole records.
 *
 * @module
 */

import type { CheckpointChange, CheckpointRecord } from "./checkpoint_record.ts";
import { isList, type Json } from "./json.ts";
import { withoutOutcome } from "./task_list.ts";
import type { TaskRecord } from "./task_record.ts";

/** A record without the parts that grow: what a store keeps whole beside a change. */
export type CheckpointHead = Omit<CheckpointRecord, "state" | "completedNodes" | "tasks">;

/** What came of a task, without what its step already tells of it. */
export type TaskOutcomeRecord = TaskRecord extends infer Task
  ? Task extends TaskRecord
    ? Omit<Task, "node" | "visit" | "begunAs" | "payload" | "answer" | "failures">
  : never
  : never;

/** A change as it is folded: one that was just found, or one that a store kept. */
export interface FoldableChange extends Omit<CheckpointChange, "since" | "sinceWriter" | "tasks"> {
  /** All tasks anew, or what came of some of them. */
  readonly tasks:
    | { readonly all: readonly TaskRecord[] }
    | { readonly finished: readonly (readonly [index: number, task: TaskOutcomeRecord])[] };
}

/** Changes being folded, one after the other. */
export interface Fold {
  /** Folds the next change. */
  apply(change: FoldableChange): void;
  /** The whole record after the last change, whose head is given. Later changes leave it as it is. */
  record(head: CheckpointHead): CheckpointRecord;
}

/** Begins with a whole record. Folding costs what the changes hold, not what the state does. */
export function startFold(base: CheckpointRecord): Fold {
  const fields = new Map(Object.entries(base.state));
  /** Lists by field that nobody else has seen: they may grow in place. */
  const own = new Map<string, Json[]>();
  let completedNodes = base.completedNodes.slice();
  let tasks = base.tasks.slice();

  const append = (field: string, items: readonly Json[]) => {
    const current = fields.get(field);
    const list = own.get(field) ?? (isList(current) ? current.slice() : []);
    for (const item of items) list.push(item);
    own.set(field, list);
    fields.set(field, list);
  };
  const set = (field: string, value: Json) => {
    own.delete(field);
    fields.set(field, value);
  };
  const remove = (field: string) => {
    own.delete(field);
    fields.delete(field);
  };

  return {
    apply(change) {
      for (const field of change.removed) remove(field);
      for (const [field, value] of Object.entries(change.set)) set(field, value);
      for (const [field, items] of Object.entries(change.appended)) append(field, items);
      if (change.replacesCompletedNodes) completedNodes = [];
      for (const node of change.completedNodes) completedNodes.push(node);
      if ("all" in change.tasks) {
        tasks = change.tasks.all.slice();
      } else {
        for (const [index, outcome] of change.tasks.finished) {
          const task = tasks[index];
          if (task !== undefined) tasks[index] = withOutcome(task, outcome);
        }
      }
    },
    record(head) {
      const record = { ...head, state: Object.fromEntries(fields), completedNodes, tasks };
      own.clear();
      completedNodes = completedNodes.slice();
      tasks = tasks.slice();
      return record;
    },
  };
}

function withOutcome(task: TaskRecord, outcome: TaskOutcomeRecord): TaskRecord {
  return { ...withoutOutcome(task), ...outcome };
}
