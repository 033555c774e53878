/**
 * What a node is told besides the state, and how it tells events.
 *
 * @module
 */

import { decode } from "./codec.ts";
import type { NodeContext } from "./definition.ts";
import { emit } from "./events.ts";
import { roomOrEnd } from "./flow.ts";
import { hosted } from "./host.ts";
import type { PlannedNode } from "./planned_node.ts";
import { pauseAnswer } from "./reentry.ts";
import type { Task, TaskMode, TaskRunner } from "./task.ts";
import { escapeName } from "./task_id.ts";

const TOLD = Promise.resolve();
const tellNobody = () => TOLD;

/** The context of one attempt of a task, which may tell events from here on. */
export function contextOf<State extends object>(
  runner: TaskRunner<State>,
  node: PlannedNode<State>,
  task: Task,
  { telling }: TaskMode,
  attempt: number,
): NodeContext {
  const { runId, signal } = runner;
  if (telling !== undefined) telling.attempt = attempt;
  const { answer, reentry, failures } = task;
  return {
    pipelineName: runner.plan.name,
    runId,
    node: task.node,
    visit: task.visit,
    attempt,
    taskId: `${runner.taskIdPrefix}${idPartOf(node, task)}/${task.visit}`,
    signal,
    emit: telling === undefined ? tellNobody : teller(runner, task, telling, attempt),
    ...(answer !== undefined && { answer: decode(answer, "answer") }),
    ...(reentry !== undefined && { reentry: pauseAnswer(reentry, task.node) }),
    ...(failures !== undefined && { failure: failures[0], failures }),
    ...(node.subRuns !== undefined && hosted(runner.host)),
  };
}

/** A task keeps the id that it began with, also where its node was renamed since. */
function idPartOf<State>({ taskIdPart }: PlannedNode<State>, { begunAs }: Task): string {
  return begunAs === undefined ? taskIdPart : escapeName(begunAs);
}

/** Tells the custom events of one attempt, until another one begins or the task ends. */
function teller<State extends object>(
  { runId, onEvent, flow, signal }: TaskRunner<State>,
  { node, visit }: Task,
  telling: { readonly attempt: number },
  attempt: number,
): NodeContext["emit"] {
  return (value) => {
    if (telling.attempt !== attempt) return TOLD;
    emit(onEvent, { type: "custom", runId, node, visit, attempt, value });
    return flow === undefined ? TOLD : roomOrEnd(flow, signal);
  };
}
