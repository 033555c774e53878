/**
 * Changes that stand for several: of every sixteen changes of a long chain, the last one is against the
 * checkpoint sixteen before. Whoever loads reads those and the few after them, whoever reads a history
 * the others too. An item of a list is so stored twice, and of 1,000 changes no more than 77 are read.
 *
 * @module
 */

import type { CheckpointChange, CheckpointRecord } from "./checkpoint_record.ts";
import { type Fields, ownField, setField } from "./fields.ts";
import { isList, type Json } from "./json.ts";
import type { TaskRecord } from "./task_record.ts";

/** So many changes the last of them stands for. */
export const COVERED = 16;

/** What came since the checkpoint that the next change which stands for several is against. */
export interface Cover {
  /** That checkpoint's steps. */
  readonly steps: number;
  /** What whoever loads it reads of changes, in characters. */
  readonly read: number;
  /** What changed since; `undefined` if nothing was saved yet. */
  readonly change: CheckpointChange | undefined;
}

/** Begins at a checkpoint. */
export function coverFrom({ steps }: CheckpointRecord, read: number): Cover {
  return { steps, read, change: undefined };
}

/** Adds what another checkpoint changes; `undefined` where there is no cover, or sequences have a gap. */
export function extendCover(
  { cover, last }: { readonly cover: Cover | undefined; readonly last: number },
  { sequence, tasks }: CheckpointRecord,
  change: CheckpointChange,
): Cover | undefined {
  if (cover === undefined || sequence !== last + 1) return undefined;
  const before = cover.change;
  return { ...cover, change: before === undefined ? change : combine(before, change, tasks) };
}

/** Whether a change of a chain stands for several, if the chain has such. */
export function isCovering(base: number, sequence: number): boolean {
  return (sequence - base) % COVERED === 0;
}

/** The sequences of a chain that lead to one of them, oldest first, without that itself. */
export function leadingTo(base: number, sequence: number): readonly number[] {
  const leading: number[] = [];
  for (let at = sequence; at > base;) {
    at -= isCovering(base, at) ? COVERED : 1;
    leading.push(at);
  }
  return leading.reverse();
}

/** Two changes, one upon the other, as one. */
function combine(
  first: CheckpointChange,
  second: CheckpointChange,
  tasks: readonly TaskRecord[],
): CheckpointChange {
  const set: Fields<Json> = { ...first.set };
  const appended: Fields<readonly Json[]> = { ...first.appended };
  for (const field of second.removed) {
    delete set[field];
    delete appended[field];
  }
  for (const [field, value] of Object.entries(second.set)) {
    delete appended[field];
    setField(set, field, value);
  }
  for (const [field, items] of Object.entries(second.appended)) {
    const list = ownField(set, field);
    if (isList(list)) setField(set, field, [...list, ...items]);
    else setField(appended, field, [...ownField(appended, field) ?? [], ...items]);
  }
  const { since, sinceWriter, removed, completedNodes } = first;
  return {
    since,
    sinceWriter,
    set,
    appended,
    removed: [...new Set([...removed, ...second.removed])],
    completedNodes: [...completedNodes, ...second.completedNodes],
    tasks: combinedTasks(first.tasks, second.tasks) ?? { all: tasks },
  };
}

/** What came of the tasks of one step; `undefined` where another step began. */
function combinedTasks(
  first: CheckpointChange["tasks"],
  second: CheckpointChange["tasks"],
): CheckpointChange["tasks"] | undefined {
  if ("all" in first || "all" in second) return undefined;
  return { finished: [...new Map([...first.finished, ...second.finished])] };
}
