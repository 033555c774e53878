/**
 * Deleting a run.
 *
 * @module
 */

import type { Checkpointer } from "./checkpointer.ts";
import type { RunName } from "./errors.ts";
import type { Plan } from "./plan.ts";
import { mayHoldRuns, removeSubRuns } from "./sub_runs.ts";

/**
 * Removes all that is stored of a run. The runs that its tasks held go first: whoever is interrupted
 * can find them again.
 */
export async function deleteRun<State extends object>(
  plan: Plan<State>,
  checkpointer: Checkpointer,
  { pipelineName, runId }: RunName,
): Promise<void> {
  if (mayHoldRuns(plan)) {
    const record = await checkpointer.loadLatest(pipelineName, runId);
    if (record !== undefined) await removeSubRuns(plan, checkpointer, record);
  }
  await checkpointer.deleteRun(pipelineName, runId);
}
