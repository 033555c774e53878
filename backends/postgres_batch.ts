/**
 * Saves of different runs that wait at the same time, and so travel together: one statement, one
 * commit. A save that finds nobody waiting goes alone, at once.
 *
 * @module
 */

import type { StoredRow } from "./postgres_row.ts";

/** Rows of one statement at the most. */
const MOST_ROWS = 128;

/** Rows that a statement takes before it leaves any to others: a commit costs more than they do. */
const LEAST_SHARE = 16;

/** Characters of one statement at the most; a single row may be longer. */
const MOST_LENGTH = 1_000_000;

/** How rows are saved. */
export interface RowSaver {
  /** Saves one row, or throws why it cannot be saved. */
  one(row: StoredRow): Promise<unknown>;
  /**
   * Saves what it can of rows of different runs; the others are left to `one`. What it throws is
   * the end of all of them.
   */
  many(rows: readonly StoredRow[]): Promise<readonly StoredRow[]>;
}

interface Waiting {
  readonly row: StoredRow;
  readonly done: PromiseWithResolvers<void>;
}

/**
 * Saves rows through at most `lanes` statements at a time.
 *
 * @returns Saves a row; rejects as `one` does.
 */
export function batching(lanes: number, saver: RowSaver): (row: StoredRow) => Promise<void> {
  let queue: Waiting[] = [];
  let used = 0;

  /**
   * Takes the rows that have waited longest, one of each run. A lane leaves the others their share:
   * runs in large batches would else be overtaken by runs in small ones.
   */
  const take = (): readonly Waiting[] => {
    if (queue.length === 1) return queue.splice(0);
    const share = Math.max(LEAST_SHARE, Math.ceil(queue.length / lanes));
    const most = Math.min(MOST_ROWS, share);
    const taken: Waiting[] = [];
    const left: Waiting[] = [];
    const runs = new Set<string>();
    let length = 0;
    for (const waiting of queue) {
      const { row } = waiting;
      const key = `${row.pipeline}\0${row.run}`;
      const fits = taken.length === 0 ||
        (taken.length < most && length + lengthOf(row) <= MOST_LENGTH && !runs.has(key));
      if (!fits) {
        left.push(waiting);
        continue;
      }
      runs.add(key);
      length += lengthOf(row);
      taken.push(waiting);
    }
    queue = left;
    return taken;
  };

  const settle = async ({ row, done }: Waiting) => {
    try {
      await saver.one(row);
      done.resolve();
    } catch (error) {
      done.reject(error);
    }
  };

  const save = async (batch: readonly Waiting[]) => {
    const [first, ...others] = batch;
    if (first !== undefined && others.length === 0) return await settle(first);
    try {
      const saved = new Set(await saver.many(batch.map(({ row }) => row)));
      await Promise.all(
        batch.map((waiting) => saved.has(waiting.row) ? waiting.done.resolve() : settle(waiting)),
      );
    } catch (error) {
      for (const { done } of batch) done.reject(error);
    }
  };

  const work = async () => {
    used++;
    while (queue.length > 0) await save(take());
    used--;
  };

  const goAlone = async (row: StoredRow) => {
    used++;
    try {
      await saver.one(row);
    } finally {
      used--;
      if (queue.length > 0) work();
    }
  };

  return (row) => {
    if (used < lanes && queue.length === 0) return goAlone(row);
    const done = Promise.withResolvers<void>();
    queue.push({ row, done });
    if (used < lanes) work();
    return done.promise;
  };
}

function lengthOf({ state, completedNodes, details }: StoredRow): number {
  return state.length + completedNodes.length + details.length;
}
