/**
 * Running the tasks of one step side by side, each one's outcome stored as soon as it is there.
 *
 * @module
 */

import type { MaybePromise } from "./definition.ts";
import type { Outcome } from "./outcome.ts";
import type { Plan } from "./plan.ts";
import { noteOutcome, noteRetry, type Run, saveRun, settleRun } from "./run.ts";
import { runTask, type Task, type TaskMode } from "./task.ts";

/**
 * Runs the tasks of the step that are still to be done and notes their outcomes. A task that is
 * aborted, or not begun because of that, has none.
 *
 * @throws {CheckpointConflictError} If another writer went on with the run.
 * @throws {CheckpointSaveError} If an outcome could not be stored. In both cases the nodes' signal
 * was aborted, and those that ran have ended.
 */
export function runTasks<State extends object>(run: Run<State>): MaybePromise<void> {
  const { step: { tasks }, runner: { plan } } = run;
  const [task] = tasks;
  // The failures of a guarded task are stored by themselves, as the tasks of a fan-out are.
  const isOnly = tasks.length === 1 && !(plan.hasGuards && isGuarded(plan, task));
  return isOnly ? runOnly(run) : runSideBySide(run);
}

function isGuarded<State extends object>(plan: Plan<State>, task: Task | undefined): boolean {
  return task !== undefined && plan.nodes.get(task.node)?.isGuarded === true;
}

const ONLY: TaskMode = { isStored: false };

/** Runs a step of one task: its outcome is saved with the step. */
function runOnly<State extends object>(run: Run<State>): MaybePromise<void> {
  const { tasks: [task], outcomes } = run.step;
  if (task === undefined || outcomes[0] !== undefined) return;
  const note = (outcome: Outcome) => {
    outcomes[0] = finished(outcome);
  };
  const outcome = runTask(run.runner, task, run.state, ONLY);
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
  const { signal, plan } = run.runner;
  const plain: TaskMode = { isStored: run.recorder !== undefined };
  const progress = makeProgress(run);
  let left = tasks.filter((_, index) => outcomes[index] === undefined).length;
  let next = 0;
  const guarded = (mode: TaskMode, index: number, { node }: Task): TaskMode => ({
    ...mode,
    noteRetry(failed) {
      noteRetry(run.step, index, failed);
      return progress.save(node);
    },
  });
  const work = async () => {
    while (next < tasks.length && !signal.aborted) {
      const index = next++;
      const task = tasks[index];
      if (task === undefined || outcomes[index] !== undefined) continue;
      const mode = plan.hasGuards ? guarded(plain, index, task) : plain;
      const outcome = finished(await runTask(run.runner, task, run.state, mode));
      left--;
      if (outcome !== undefined) {
        noteOutcome(run.step, index, outcome);
        if (left > 0 && outcome.status !== "failed") void progress.save(task.node);
      }
      if (next < tasks.length && run.pace.isDue()) await run.pace.giveWay();
    }
  };
  await Promise.all(Array.from({ length: Math.min(run.concurrency, left) }, work));
  await progress.end();
}

function finished(outcome: Outcome): Outcome | undefined {
  return outcome.status === "aborted" ? undefined : outcome;
}

/** Saves what comes of tasks while they are running. */
interface Progress {
  /** Resolves when it is stored, or can no longer be. */
  save(nodeId: string): Promise<void>;
  /** Resolves when all is stored; throws what it threw to store it. */
  end(): Promise<void>;
}

/** What comes while a save is under way shares the next one. */
function makeProgress<State extends object>(run: Run<State>): Progress {
  let waiting: { nodeId: string; readonly stored: PromiseWithResolvers<void> } | undefined;
  let saving: Promise<void> | undefined;
  let failure: { readonly error: unknown } | undefined;

  const save = async (nodeId: string) => {
    try {
      await saveRun(run, nodeId, "running");
      await settleRun(run);
    } catch (error) {
      failure = { error };
      run.control.abort(error);
    }
  };
  const saveWaiting = async () => {
    while (waiting !== undefined) {
      const { nodeId, stored } = waiting;
      waiting = undefined;
      if (failure === undefined) await save(nodeId);
      stored.resolve();
    }
    saving = undefined;
  };

  return {
    save(nodeId) {
      if (run.recorder?.savesProgress !== true || failure !== undefined) return Promise.resolve();
      waiting ??= { nodeId, stored: Promise.withResolvers() };
      waiting.nodeId = nodeId;
      const { promise } = waiting.stored;
      saving ??= saveWaiting();
      return promise;
    },
    async end() {
      // What is still waiting is saved with the step itself.
      waiting = undefined;
      await saving;
      if (failure !== undefined) throw failure.error;
    },
  };
}
