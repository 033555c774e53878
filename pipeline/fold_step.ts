/**
 * Folding what the tasks of a step did into the state of their run.
 *
 * @module
 */

import type { PendingEdge } from "./checkpoint_record.ts";
import { fold, foldAll, FoldError } from "./fold.ts";
import { freezeState } from "./freeze.ts";
import type { Outcome } from "./outcome.ts";
import { taskPauseId } from "./reentry.ts";
import type { TaskFailure } from "./result.ts";
import { NO_STEP, type Run } from "./run.ts";
import type { Task } from "./task.ts";

/**
 * Folds the updates of a step in task order, so that the result does not depend on timing, and
 * leaves the edges of its nodes pending. If a reducer throws, the failure comes back.
 */
export function foldStep<State extends object>(run: Run<State>): TaskFailure | undefined {
  const { tasks, outcomes } = run.step;
  try {
    const state = tasks.length === 1
      ? foldOnly(run, outcomes[0])
      : foldAll(run.state, outcomes.map(updateOf), run.runner.plan.reducers);
    if (state !== run.state) run.state = freezeState(state, run.state);
  } catch (error) {
    const isFold = error instanceof FoldError;
    const { node, visit } = tasks[isFold ? error.index : 0] ?? { node: "", visit: 1 };
    return { node, visit, error: isFold ? error.cause : error };
  }
  for (const { node } of tasks) run.completedNodes.push(node);
  run.steps++;
  run.recoveries = 0;
  run.pendingEdges = tasks.map((task, index) => pendingEdge(task, outcomes[index]));
  run.step = NO_STEP;
}

function foldOnly<State extends object>(run: Run<State>, outcome: Outcome | undefined): State {
  const update = updateOf(outcome);
  return update === undefined ? run.state : fold(run.state, update, run.runner.plan.reducers);
}

function updateOf(outcome: Outcome | undefined): object | undefined {
  return outcome?.status === "finished" ? outcome.update : undefined;
}

function pendingEdge(task: Task, outcome: Outcome | undefined): PendingEdge {
  const { node, visit } = task;
  if (outcome?.status === "handled") return { node, visit, error: outcome.record };
  if (outcome?.status === "paused") {
    const { reason, pause } = outcome;
    return { node, visit, pause: { id: taskPauseId(task), reason, ...pause } };
  }
  const isRejected = outcome?.status === "finished" && outcome.rejected;
  return isRejected ? { node, visit, rejected: true } : { node, visit };
}
