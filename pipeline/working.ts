/**
 * What surrounds the work of every call on a run: its signal, its lease, and what is told of it.
 *
 * @module
 */

import type { Call } from "./caller.ts";
import { CheckpointConflictError } from "./checkpointer.ts";
import { emit } from "./events.ts";
import { keepingLease } from "./lease.ts";
import { restoreState } from "./restore.ts";
import type { RunResult } from "./result.ts";
import { type Run, settleRun } from "./run.ts";
import { cancelHeldBy } from "./sub_runs.ts";

/** Does the work of a call with the caller's signal linked to the run, and tells both ends. */
export async function working<State extends object>(
  run: Run<State>,
  { signal }: Call<State>,
  resumed: boolean,
  work: () => Promise<RunResult<State>>,
): Promise<RunResult<State>> {
  const { runId, onEvent } = run.runner;
  const abort = () => run.control.abort(signal?.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort, { once: true });
  try {
    emit(onEvent, { type: "runStarted", runId, resumed });
    const result = await leased(run, work);
    if (result.status === "cancelled") await cancelHeldBy(run);
    emit(onEvent, { type: "runEnded", runId, result });
    return result;
  } catch (error) {
    // What finished before is worth keeping, if it can be kept.
    await settleRun(run).catch(() => {});
    emit(onEvent, { type: "runInterrupted", runId, error });
    throw error;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

/** Does the work, and waits until all of it is stored, while the run's lease is kept. */
async function leased<State extends object>(
  run: Run<State>,
  work: () => Promise<RunResult<State>>,
): Promise<RunResult<State>> {
  const { recorder } = run;
  if (recorder === undefined) return await work();
  try {
    return await keepingLease(recorder, (lost) => run.control.abort(lost), async () => {
      const result = await work();
      await settleRun(run);
      return result;
    });
  } catch (error) {
    if (!(error instanceof CheckpointConflictError)) throw error;
    // Where that cannot be told, the conflict is what there is to tell.
    const latest = await recorder.latest().catch(() => undefined);
    if (latest?.status !== "cancelled") throw error;
    // Somebody cancelled the run, which is how its worker hears of it.
    const { runId, completedNodes } = latest;
    return { runId, state: restoreState(latest), completedNodes, status: "cancelled" };
  }
}
