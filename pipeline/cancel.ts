/**
 * Cancelling a run from anywhere.
 *
 * @module
 */

import type { Caller } from "./caller.ts";
import { makeRun } from "./make_run.ts";
import type { RunStatus } from "./checkpoint_record.ts";
import { CheckpointConflictError, type Checkpointer } from "./checkpointer.ts";
import type { RunName } from "./errors.ts";
import { loadRun } from "./load.ts";
import { CANCEL_NODE_ID } from "./planned_node.ts";
import { restoreState } from "./restore.ts";
import { saveRun, settleRun } from "./run.ts";
import { cancelSubRuns } from "./sub_runs.ts";

/**
 * Saves that a run is cancelled, which takes it from whoever is at it: that worker hears of it at its
 * next heartbeat or save. What an older version stored is not migrated for that.
 *
 * @param signal When it aborts, a store that does not answer is given up.
 * @returns What the run is doing now: `cancelled`, or `completed` if it was so already.
 * @throws {RunNotFoundError} If there is no such run.
 */
export async function cancelRun<State extends object>(
  caller: Caller<State>,
  checkpointer: Checkpointer,
  name: RunName,
  by: string | undefined,
  signal?: AbortSignal,
): Promise<RunStatus> {
  for (;;) {
    const record = await loadRun(checkpointer, name, "cancel", { ...caller, signal });
    const { status } = record;
    if (status === "completed") return status;
    if (status === "cancelled") {
      await cancelSubRuns(caller.plan, checkpointer, name, record.tasks, by, signal);
      return status;
    }
    const state = restoreState<State>(record);
    const run = makeRun(caller, name, {}, { state, checkpointer, base: { record, state } });
    const abort = () => run.control.abort(signal?.reason);
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort, { once: true });
    const resume = { at: new Date().toISOString(), approved: [], ...(by !== undefined && { by }) };
    try {
      await saveRun(run, CANCEL_NODE_ID, "cancelled", { resume });
      await settleRun(run);
      // First the run itself, so that it does not take the end of a task's run for a failure.
      await cancelSubRuns(caller.plan, checkpointer, name, record.tasks, by, signal);
      return "cancelled";
    } catch (error) {
      // Its worker saved a step meanwhile.
      if (!(error instanceof CheckpointConflictError)) throw error;
    }
  }
}
