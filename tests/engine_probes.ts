/** What the tests of the engine look through: a watched store, narrowed results, latches. */

import { assert, assertEquals, AssertionError } from "@std/assert";
import {
  applyChange,
  type CheckpointChange,
  type Checkpointer,
  type CheckpointRecord,
  MemoryCheckpointer,
  type RunResult,
} from "../mod.ts";

/** A checkpointer that tells what it was given. */
export interface WatchedCheckpointer extends Checkpointer {
  /** The records that were stored, in the order of the saves. */
  readonly records: readonly CheckpointRecord[];
  /** The changes that came with them. */
  readonly changes: readonly (CheckpointChange | undefined)[];
}

/** Watches a store; what `beforeSave` throws is the store's own failure to save. */
export function watch(
  beforeSave: (record: CheckpointRecord) => void | Promise<void> = () => {},
  inner: Checkpointer = new MemoryCheckpointer(),
): WatchedCheckpointer {
  const records: CheckpointRecord[] = [];
  const changes: (CheckpointChange | undefined)[] = [];
  return {
    records,
    changes,
    async save(record, change) {
      await beforeSave(record);
      await inner.save(record, change);
      records.push(record);
      changes.push(change);
    },
    loadLatest: (pipelineName, runId) => inner.loadLatest(pipelineName, runId),
    listRuns: (pipelineName, options) => inner.listRuns(pipelineName, options),
    history: (pipelineName, runId) => inner.history(pipelineName, runId),
    deleteRun: (pipelineName, runId) => inner.deleteRun(pipelineName, runId),
  };
}

/** Asserts that each change leads from the record before to the one that it came with. */
export function assertChanges({ records, changes }: WatchedCheckpointer): void {
  for (const [index, record] of records.entries()) {
    const [previous, change] = [records[index - 1], changes[index]];
    if (previous === undefined) continue;
    assert(change !== undefined, `checkpoint ${record.sequence} came without its change`);
    const folded = applyChange(previous, record, change);
    assertEquals(JSON.parse(JSON.stringify(folded)), JSON.parse(JSON.stringify(record)));
  }
}

/** The result as one of the given status, or what it is instead. */
export function expectStatus<State, Status extends RunResult<State>["status"]>(
  result: RunResult<State>,
  status: Status,
): RunResult<State> & { readonly status: Status } {
  if (hasStatus(result, status)) return result;
  const error = result.status === "failed" ? `: ${result.error}` : "";
  throw new AssertionError(`Expected a run that is ${status}, it is ${result.status}${error}`);
}

function hasStatus<State, Status extends string>(
  result: RunResult<State>,
  status: Status,
): result is RunResult<State> & { readonly status: Status } {
  return result.status === status;
}

/** Waits until a signal aborts, then throws its reason. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = () => reject(signal.reason);
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop, { once: true });
  return promise;
}

/** Lets other work go first, so many turns long. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await undefined;
}

/** A value where the compiler would refuse it: what callers in plain JavaScript may pass. */
export function untyped<T>(value: unknown): T {
  return value as T;
}
