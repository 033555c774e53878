/**
 * Recovery: runs whose workers died are found, claimed once and gone on with.
 *
 * @module
 */

import type { Call, Caller } from "./caller.ts";
import { goOn } from "./calls.ts";
import { makeRun } from "./make_run.ts";
import { working } from "./working.ts";
import type { CheckpointRecord } from "./checkpoint_record.ts";
import { CheckpointConflictError, type Checkpointer, type RunSummary } from "./checkpointer.ts";
import { RecoveryLimitError, RunNotFoundError } from "./errors.ts";
import { isAlive } from "./lease.ts";
import { findRun } from "./load.ts";
import { fail } from "./loop.ts";
import { answered } from "./patience.ts";
import { restoreState } from "./restore.ts";
import type { RunResult } from "./result.ts";

/** What came of a run that was recovered. */
export type Recovery<State> =
  | {
    readonly runId: string;
    readonly result: RunResult<State>;
    readonly error?: undefined;
  }
  /** The run could not be gone on with: a node is missing, say, or the store failed. */
  | { readonly runId: string; readonly result?: undefined; readonly error: unknown };

/** What `recover` takes. */
export interface RecoverRequest {
  /** At most so many runs. */
  readonly limit: number;
  /** Runs that are worked on side by side. */
  readonly concurrency: number;
  /** Workers that may die in a row in one step of a run. */
  readonly maxRecoveries: number;
}

/**
 * Goes on with the runs that say `running` and whose worker's lease is over; comes back when they
 * have ended. A run that another worker claimed is left to that one.
 */
export async function recoverRuns<State extends object>(
  caller: Caller<State>,
  checkpointer: Checkpointer,
  { limit, concurrency, maxRecoveries }: RecoverRequest,
  call: Call<State>,
): Promise<readonly Recovery<State>[]> {
  const dead = deadRuns(caller, checkpointer)[Symbol.asyncIterator]();
  const recovered: Recovery<State>[] = [];
  let begun = 0;
  const work = async () => {
    while (begun < limit && !call.signal?.aborted && !caller.drained.signal.aborted) {
      begun++;
      const { done, value: run } = await answered(dead.next(), patienceOf(caller, call));
      if (done) return;
      const recovery = await recoverRun(caller, checkpointer, run, maxRecoveries, call);
      if (recovery === undefined) begun--;
      else recovered.push(recovery);
    }
  };
  const workers = Array.from({ length: Math.min(concurrency, limit) }, work);
  // Where the list ends with an error, what was begun is ended first.
  await Promise.allSettled(workers);
  await Promise.all(workers);
  return recovered;
}

async function* deadRuns<State extends object>(
  { plan, leaseMs }: Caller<State>,
  checkpointer: Checkpointer,
): AsyncGenerator<RunSummary> {
  for await (const run of checkpointer.listRuns(plan.name, { status: "running" })) {
    if (!isWorkedOn(run, leaseMs)) yield run;
  }
}

/** Who keeps no lease, as workers of the Python framework, is given the time of ours. */
function isWorkedOn(run: RunSummary, leaseMs: number): boolean {
  return isAlive({ writer: "", ...run, leaseMs: run.leaseMs ?? leaseMs });
}

/** Goes on with one run; `undefined` if it is not to be recovered, or any more. */
async function recoverRun<State extends object>(
  caller: Caller<State>,
  checkpointer: Checkpointer,
  run: RunSummary,
  maxRecoveries: number,
  call: Call<State>,
): Promise<Recovery<State> | undefined> {
  const { runId } = run;
  try {
    const record = await findRun(checkpointer, run, "recover", patienceOf(caller, call));
    const isDead = record?.status === "running" &&
      !isAlive({ ...record, leaseMs: record.leaseMs ?? caller.leaseMs });
    if (!isDead) return undefined;
    const { recoveries = 0 } = record;
    const result = recoveries < maxRecoveries
      ? await goOn(caller, checkpointer, record, { recoveries: recoveries + 1 }, call)
      : await park(caller, checkpointer, record, call);
    return { runId, result };
  } catch (error) {
    // Another worker was quicker, or took the run over since.
    const isTaken = error instanceof CheckpointConflictError || error instanceof RunNotFoundError;
    return isTaken ? undefined : { runId, error };
  }
}

function patienceOf<State extends object>({ leaseMs }: Caller<State>, { signal }: Call<State>) {
  return { leaseMs, signal };
}

/** Lets a run that kills its workers rest as failed. */
async function park<State extends object>(
  caller: Caller<State>,
  checkpointer: Checkpointer,
  record: CheckpointRecord,
  call: Call<State>,
): Promise<RunResult<State>> {
  const { pipelineName, runId, tasks, pendingEdges, recoveries = 0 } = record;
  const name = { pipelineName, runId };
  const state = restoreState<State>(record);
  const run = makeRun(caller, name, call, { state, checkpointer, base: { record, state } });
  run.recoveries = 0;
  const [next = { node: record.nodeId, visit: 1 }] = [
    ...tasks.filter(({ status }) => status === "pending"),
    ...pendingEdges,
  ];
  const error = new RecoveryLimitError(name, next.node, recoveries);
  const failure = { node: next.node, visit: next.visit, error };
  return await working(run, call, true, () => fail(run, [failure]));
}
