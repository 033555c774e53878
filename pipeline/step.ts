/**
 * Running the tasks of one step side by side, each one's outcome stored as soon as it is there.
 *
 * @module
 */

import type { MaybePromise } from "./definition.ts";
import type { Outcome } from "./outcome.ts";
import { noteOutcome, type Run, saveRun, settleRun } from "./run.ts";
import { runTask } from "./task.ts";

/**
 * Runs the tasks of the step that are still to be done and notes their outcomes. A task that is
 * aborted, or not begun because of that, has none.
 *
 * @throws {CheckpointConflictError} If another writer went on with the run.
 * @throws {CheckpointSaveError} If an outcome could not be stored. In both cases the nodes' signal
 * was aborted, and those that ran have ended.
 */
export function runTasks<State extends object>(run: Run<State>): MaybePromise<void> {
  return run.step.tasks.length === 1 ? runOnly(run) : runSideBySide(run);
}

/** Runs a step of one task: its outcome is saved with the step. */
function runOnly<State extends object>(run: Run<State>): MaybePromise<void> {
  const { tasks: [task], outcomes } = run.step;
  if (task === undefined || outcomes[0] !== undefined) return;
  const note = (outcome: Outcome) => {
    outcomes[0] = finished(outcome);
  };
  const outcome = runTask(run.runner, task, run.state, false);
  return outcome instanceof Promise ? outcome.then(note) : note(outcome);
}

/**
 * Puts what finished into its stored form, for a step that cannot be folded as it is. An update
 * that has none leaves its task to be done again.
 */
export function keepOutcomes<State extends object>(run: Run<State>): void {
  run.step.outcomes.forEach((outcome, index) => {
    try {
      if (outcome !== undefined) noteOutcome(run.step, index, outcome);
    } catch (error) {
      run.step.outcomes[index] = { status: "failed", error };
    }
  });
}

async function runSideBySide<State extends object>(run: Run<State>): Promise<void> {
  const { tasks, outcomes } = run.step;
  const { signal } = run.runner;
  const isStored = run.recorder !== undefined;
  const progress = makeProgress(run);
  let left = tasks.filter((_, index) => outcomes[index] === undefined).length;
  let next = 0;
  const work = async () => {
    while (next < tasks.length && !signal.aborted) {
      const index = next++;
      const task = tasks[index];
      if (task === undefined || outcomes[index] !== undefined) continue;
      const outcome = finished(await runTask(run.runner, task, run.state, isStored));
      left--;
      if (outcome === undefined) continue;
      noteOutcome(run.step, index, outcome);
      if (left > 0 && outcome.status !== "failed") progress.save(task.node);
      if (next < tasks.length && run.pace.isDue()) await run.pace.giveWay();
    }
  };
  await Promise.all(Array.from({ length: Math.min(run.concurrency, left) }, work));
  await progress.end();
}

function finished(outcome: Outcome): Outcome | undefined {
  return outcome.status === "aborted" ? undefined : outcome;
}

/** Saves outcomes while tasks are running: those that come during a save share the next one. */
function makeProgress<State extends object>(
  run: Run<State>,
): { save(nodeId: string): void; end(): Promise<void> } {
  let waiting: string | undefined;
  let saving: Promise<void> | undefined;
  let failure: { readonly error: unknown } | undefined;

  const saveWaiting = async () => {
    try {
      while (waiting !== undefined) {
        const nodeId = waiting;
        waiting = undefined;
        await saveRun(run, nodeId, "running");
        await settleRun(run);
      }
    } catch (error) {
      failure = { error };
      run.control.abort(error);
    }
    saving = undefined;
  };

  return {
    save(nodeId) {
      if (run.recorder?.savesProgress !== true || failure !== undefined) return;
      waiting = nodeId;
      saving ??= saveWaiting();
    },
    async end() {
      // What is still waiting is saved with the step itself.
      waiting = undefined;
      await saving;
      if (failure !== undefined) throw failure.error;
    },
  };
}
