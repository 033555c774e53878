/**
 * Runs that the tasks of a run hold: what becomes of them when it is cancelled or deleted.
 *
 * @module
 */

import type { CheckpointRecord } from "./checkpoint_record.ts";
import type { Checkpointer } from "./checkpointer.ts";
import type { RunName } from "./errors.ts";
import type { Plan } from "./plan.ts";
import { restoreVisits } from "./restore.ts";
import type { Run } from "./run.ts";
import { escapeName, taskIdPrefix } from "./task_id.ts";
import type { TaskRecord } from "./task_record.ts";

/** The runs that the tasks of one node hold, by the ids of the tasks. */
export interface SubRuns {
  /**
   * Cancels a task's run, if there is one.
   *
   * @param checkpointer Where it is kept if it has no place of its own.
   * @param signal When it aborts, a store that does not answer is given up.
   */
  cancel(
    taskId: string,
    checkpointer: Checkpointer,
    by: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void>;
  /** Removes all that is stored of a task's run, if there is one. */
  remove(taskId: string, checkpointer: Checkpointer): Promise<void>;
}

const subRuns = new WeakMap<object, SubRuns>();

/** Notes that the tasks that a function works on hold runs. */
export function noteSubRuns(run: object, held: SubRuns): void {
  subRuns.set(run, held);
}

/** The runs that the tasks of a function hold. */
export function subRunsOf(run: object): SubRuns | undefined {
  return subRuns.get(run);
}

/** Cancels what the tasks of a run hold that was cancelled here, also what was not at work. */
export async function cancelHeldBy<State extends object>(run: Run<State>): Promise<void> {
  const { runner: { plan, runId, signal, host: { checkpointer } }, step: { stored } } = run;
  if (checkpointer === undefined) return;
  const name = { pipelineName: plan.name, runId };
  await cancelSubRuns(plan, checkpointer, name, stored.records, undefined, signal);
}

/** Cancels the runs of all tasks that have not ended. */
export async function cancelSubRuns<State extends object>(
  plan: Plan<State>,
  checkpointer: Checkpointer,
  run: RunName,
  tasks: readonly TaskRecord[],
  by: string | undefined,
  signal?: AbortSignal,
): Promise<void> {
  for (const { node, begunAs = node, visit, status } of tasks) {
    if (status === "finished" || status === "failed") continue;
    const held = subRunsBy(plan, node);
    const taskId = `${taskIdPrefix(run)}${escapeName(begunAs)}/${visit}`;
    await held?.cancel(taskId, checkpointer, by, signal);
  }
}

/**
 * Removes the runs of all tasks that a run ever had. Their ids are told by its latest record: a node's
 * visits are counted.
 */
export async function removeSubRuns<State extends object>(
  plan: Plan<State>,
  checkpointer: Checkpointer,
  record: CheckpointRecord,
): Promise<void> {
  for (const [node, visits] of restoreVisits(record)) {
    const held = subRunsBy(plan, node);
    if (held === undefined) continue;
    for (const name of namesOf(plan, node)) {
      for (let visit = 1; visit <= visits; visit++) {
        await held.remove(`${taskIdPrefix(record)}${escapeName(name)}/${visit}`, checkpointer);
      }
    }
  }
}

/** Whether tasks of a pipeline may hold runs. */
export function mayHoldRuns<State extends object>({ nodes }: Plan<State>): boolean {
  return nodes.values().some((node) => node.subRuns !== undefined);
}

function subRunsBy<State extends object>(
  { nodes, versions: { renamed } }: Plan<State>,
  node: string,
): SubRuns | undefined {
  return nodes.get(renamed.get(node) ?? node)?.subRuns;
}

/** The names that a node's tasks may have begun under. */
function namesOf<State extends object>({ versions }: Plan<State>, node: string): readonly string[] {
  const name = versions.renamed.get(node) ?? node;
  const old = [...versions.renamed].filter(([, now]) => now === name).map(([then]) => then);
  return [name, ...old];
}
