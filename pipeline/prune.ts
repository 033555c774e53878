/**
 * Retention: runs and checkpoints that nobody needs any more are removed.
 *
 * @module
 */

import type { Call, Caller } from "./caller.ts";
import { makeRun } from "./make_run.ts";
import type { RunStatus } from "./checkpoint_record.ts";
import { CheckpointConflictError, type Checkpointer, type RunSummary } from "./checkpointer.ts";
import { deleteRun } from "./delete.ts";
import { quoted } from "./errors.ts";
import { checkRange, PRUNE_NODE_ID } from "./planned_node.ts";
import { restoreState } from "./restore.ts";
import { saveRun, settleRun } from "./run.ts";

/** What is kept of a run's past while it goes on. */
export type HistoryOption = "all" | "latest";

/**
 * Looks at what callers without a compiler may pass.
 *
 * @throws {TypeError} If it is no {@linkcode HistoryOption}, or the store cannot do it.
 */
export function checkHistory(
  history: unknown,
  checkpointer: Checkpointer | undefined,
  pipelineName: string,
): void {
  if (history === "all") return;
  if (history !== "latest") {
    throw new TypeError(
      `Cannot define pipeline "${pipelineName}": history is ${
        String(history)
      }, and must be one of ` +
        '"all", "latest"',
    );
  }
  if (checkpointer !== undefined && checkpointer.trim === undefined) {
    throw new TypeError(
      `Cannot define pipeline "${pipelineName}" with history: "latest": its checkpointer has no trim`,
    );
  }
}

/** What is removed of which runs. */
export interface PruneOptions {
  /** Only of runs whose latest checkpoint is at least so many milliseconds old. */
  readonly olderThanMs?: number;
  /** Keeps so many of the newest checkpoints of each run; without it the run is removed. */
  readonly keepLast?: number;
  /** Only of runs of these statuses. Default: `completed`, `failed` and `cancelled`. */
  readonly status?: PrunableStatus | readonly PrunableStatus[];
}

/** What a run may be doing for it to be pruned. */
export type PrunableStatus = Exclude<RunStatus, "running" | "paused">;

/** What was removed. */
export interface PruneResult {
  /** Runs of which nothing is left. */
  readonly runs: number;
  /** Checkpoints of other runs. */
  readonly checkpoints: number;
}

const PRUNABLE: readonly PrunableStatus[] = ["completed", "failed", "cancelled"];

/**
 * Removes the past, one run after the other.
 *
 * @throws {TypeError} If nothing says what to remove, or runs are to be removed that are at work.
 * @throws {RangeError} If a time or a number is out of its range.
 */
export async function pruneRuns<State extends object>(
  caller: Caller<State>,
  checkpointer: Checkpointer,
  options: PruneOptions,
): Promise<PruneResult> {
  const { olderThanMs = 0, keepLast = 0 } = options;
  const statuses = checkOptions(options, checkpointer, caller.plan.name);
  let [runs, checkpoints] = [0, 0];
  for (const run of await Array.fromAsync(checkpointer.listRuns(caller.plan.name))) {
    if (!statuses.has(run.status) || ageOf(run) < olderThanMs) continue;
    if (keepLast > 0) checkpoints += await trimRun(checkpointer, run, keepLast);
    else if (await removeRun(caller, checkpointer, run)) runs++;
  }
  return { runs, checkpoints };
}

function checkOptions(
  { olderThanMs, keepLast, status = PRUNABLE }: PruneOptions,
  { trim }: Checkpointer,
  pipelineName: string,
): ReadonlySet<RunStatus> {
  const where = `of prune of pipeline "${pipelineName}"`;
  if (olderThanMs === undefined && keepLast === undefined) {
    throw new TypeError(
      `Cannot prune pipeline "${pipelineName}": say what may go, with olderThanMs, keepLast or both`,
    );
  }
  if (olderThanMs !== undefined) checkRange(olderThanMs, 0, `olderThanMs ${where}`);
  if (keepLast !== undefined) checkRange(keepLast, 0, `keepLast ${where}`);
  if (keepLast !== undefined && keepLast > 0 && trim === undefined) {
    throw new TypeError(
      `Cannot prune checkpoints of pipeline "${pipelineName}": its checkpointer has no trim; leave ` +
        "out keepLast to remove runs as a whole",
    );
  }
  const statuses = [status].flat();
  for (const one of statuses) {
    if (PRUNABLE.includes(one)) continue;
    throw new TypeError(
      `Cannot prune runs of pipeline "${pipelineName}" that are ${one}: status may be ` +
        quoted(PRUNABLE),
    );
  }
  return new Set(statuses);
}

/** By the store's clock where it tells. */
function ageOf({ idleMs, savedAt }: RunSummary): number {
  return idleMs ?? Date.now() - Date.parse(savedAt);
}

/** Removes checkpoints some at a time, as the store does it. */
async function trimRun(
  checkpointer: Checkpointer,
  { pipelineName, runId, sequence }: RunSummary,
  keepLast: number,
): Promise<number> {
  let removed = 0;
  for (;;) {
    const some = await checkpointer.trim?.(pipelineName, runId, sequence - keepLast + 1) ?? 0;
    if (some === 0) return removed;
    removed += some;
  }
}

/**
 * Removes a run. One that could be resumed is closed first, so that it is not gone on with while it
 * is being removed; whoever was quicker keeps it.
 */
async function removeRun<State extends object>(
  caller: Caller<State>,
  checkpointer: Checkpointer,
  { pipelineName, runId, sequence, status }: RunSummary,
): Promise<boolean> {
  if (status !== "completed") {
    const record = await checkpointer.loadLatest(pipelineName, runId);
    if (record === undefined || record.sequence !== sequence) return false;
    const state = restoreState<State>(record);
    const call: Call<State> = {};
    const name = { pipelineName, runId };
    const run = makeRun(caller, name, call, { state, checkpointer, base: { record, state } });
    try {
      await saveRun(run, PRUNE_NODE_ID, "completed");
      await settleRun(run);
    } catch (error) {
      if (error instanceof CheckpointConflictError) return false;
      throw error;
    }
  }
  await deleteRun(caller.plan, checkpointer, { pipelineName, runId });
  return true;
}
