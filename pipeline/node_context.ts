/**
 * What a node is told besides the state, and how it tells events.
 *
 * @module
 */

import type { NodeContext } from "./definition.ts";
import { emit } from "./events.ts";
import { roomOrEnd } from "./flow.ts";
import type { PlannedNode } from "./planned_node.ts";
import type { Task, TaskMode, TaskRunner } from "./task.ts";

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
  const context: NodeContext = {
    pipelineName: runner.plan.name,
    runId,
    node: task.node,
    visit: task.visit,
    attempt,
    taskId: `${runner.taskIdPrefix}${node.taskIdPart}/${task.visit}`,
    signal,
    emit: telling === undefined ? tellNobody : teller(runner, task, telling, attempt),
  };
  const { failures } = task;
  return failures === undefined ? context : { ...context, failure: failures[0], failures };
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
