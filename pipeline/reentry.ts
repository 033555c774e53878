/**
 * Pauses that re-enter their nodes: a step waits for an answer, and goes on with it. What the tasks
 * beside them did is kept, and folded when the step ends.
 *
 * @module
 */

import type { PendingEdge } from "./checkpoint_record.ts";
import { decode } from "./codec.ts";
import type { PauseAnswer } from "./pause.ts";
import { pauseId } from "./record.ts";
import { pendingPause, type Step } from "./run.ts";
import type { Task } from "./task.ts";
import { setTask, withoutOutcome } from "./task_list.ts";
import type { ReentryRecord } from "./task_record.ts";

/** What was said to a pause. */
export type Said = Omit<ReentryRecord, "entry" | "pause">;

/** Whether a task of a step waits for an answer; all others are done. */
export function isWaiting({ outcomes }: Step): boolean {
  return outcomes.some((outcome) => outcome?.status === "paused" && outcome.entry !== undefined);
}

/** What a step waits for, in task order. */
export function waitingPauses({ tasks, outcomes }: Step): readonly PendingEdge[] {
  return tasks.flatMap((task, index) => {
    const outcome = outcomes[index];
    if (outcome?.status !== "paused" || outcome.entry === undefined) return [];
    const { reason, pause, entry } = outcome;
    const id = taskPauseId(task, entry);
    return [{ node: task.node, visit: task.visit, pause: { id, reason, ...pause }, entry }];
  });
}

/** The step with the task to be run again that waited for an answer. */
export function reenter(step: Step, { pause, entry = 1 }: PendingEdge, said: Said): Step {
  const index = step.tasks.findIndex((task) => taskPauseId(task, entry) === pause?.id);
  const task = step.tasks[index];
  if (task === undefined || pause === undefined) return step;
  const reentry: ReentryRecord = { entry: entry + 1, pause, ...said };
  step.outcomes[index] = undefined;
  const record = step.stored.records[index];
  if (record !== undefined) {
    setTask(step.stored, index, { ...withoutOutcome(record), status: "pending", reentry });
  }
  return { ...step, tasks: step.tasks.with(index, { ...task, reentry }) };
}

/** The id of the pause that an entry into a task's node made. */
export function taskPauseId({ node, visit, begunAs = node }: Task, entry?: number): string {
  return pauseId(begunAs, visit, entry);
}

/** What a node is told of the answer to its pause. */
export function pauseAnswer(
  { pause, rejected = false, at, by, reason, answer }: ReentryRecord,
  node: string,
): PauseAnswer {
  return {
    pause: pendingPause(pause, node),
    approved: !rejected,
    at,
    ...(by !== undefined && { by }),
    ...(reason !== undefined && { reason }),
    ...(answer !== undefined && { answer: decode(answer, "answer") }),
  };
}
