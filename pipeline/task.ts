/**
 * One task: one visit of one node, from the state it sees to what came of it.
 *
 * @module
 */

import { attempts } from "./attempt.ts";
import type { ReentryRecord } from "./checkpointer.ts";
import { decode } from "./codec.ts";
import type { MaybePromise, NodeContext } from "./definition.ts";
import { emit, type EventHandler } from "./events.ts";
import { freezeState } from "./freeze.ts";
import { type Host, hosted, UNFINISHED } from "./host.ts";
import type { Json } from "./json.ts";
import { type Outcome, toOutcome } from "./outcome.ts";
import type { Plan } from "./plan.ts";
import type { PlannedNode } from "./planned_node.ts";
import { pauseAnswer } from "./reentry.ts";
import { fold } from "./fold.ts";
import { escapeName } from "./task_id.ts";

/** A task of a step. */
export interface Task {
  /** The node to run. */
  readonly node: string;
  /** 1 for the node's first visit in this run. */
  readonly visit: number;
  /** The payload of a `send`. */
  readonly payload?: object;
  /** The encoded answer that came with the approval which led to it. */
  readonly answer?: Json;
  /** The node's name when the task was made, where it was renamed since. */
  readonly begunAs?: string;
  /** The answer to its pause that sent it back into its node. */
  readonly reentry?: ReentryRecord;
}

/** What all tasks of one call share. */
export interface TaskRunner<State extends object> {
  /** The pipeline. */
  readonly plan: Plan<State>;
  /** Id of the run. */
  readonly runId: string;
  /** Begins every task id; unique to the run. */
  readonly taskIdPrefix: string;
  /** Aborts when the run is cancelled or lost. */
  readonly signal: AbortSignal;
  /** Is told what happens. */
  readonly onEvent: EventHandler<State> | undefined;
  /** What runs inside of nodes has from this one. */
  readonly host: Host;
}

const ABORTED: Outcome = { status: "aborted" };

/**
 * Runs one task on a frozen state; whatever goes wrong in it is its outcome. There is no promise
 * where the node gave none: a turn of the microtask queue costs as much as the rest of a step.
 *
 * @param isStored Whether the outcome is to be stored by itself, before its step is folded.
 */
export function runTask<State extends object>(
  runner: TaskRunner<State>,
  task: Task,
  state: State,
  isStored: boolean,
): MaybePromise<Outcome> {
  return runner.onEvent === undefined
    ? outcomeOf(runner, task, state, isStored)
    : toldOutcomeOf(runner, task, state, isStored);
}

async function toldOutcomeOf<State extends object>(
  runner: TaskRunner<State>,
  task: Task,
  state: State,
  isStored: boolean,
): Promise<Outcome> {
  const about = { runId: runner.runId, node: task.node, visit: task.visit };
  emit(runner.onEvent, { type: "taskStarted", ...about });
  const started = performance.now();
  const outcome = await outcomeOf(runner, task, state, isStored);
  const durationMs = performance.now() - started;
  if (outcome.status === "finished") {
    emit(runner.onEvent, { type: "taskFinished", ...about, durationMs });
  } else if (outcome.status === "paused") {
    emit(runner.onEvent, { type: "taskPaused", ...about, durationMs, reason: outcome.reason });
  } else {
    const error = outcome.status === "failed" ? outcome.error : runner.signal.reason;
    emit(runner.onEvent, { type: "taskFailed", ...about, durationMs, error });
  }
  return outcome;
}

function outcomeOf<State extends object>(
  runner: TaskRunner<State>,
  task: Task,
  state: State,
  isStored: boolean,
): MaybePromise<Outcome> {
  try {
    const returned = callNode(runner, task, state);
    return isThenable(returned)
      ? laterOutcome(runner, task, returned, isStored)
      : outcomeOfAnswer(runner, task, returned, isStored);
  } catch (error) {
    return outcomeOfError(runner, error);
  }
}

async function laterOutcome<State extends object>(
  runner: TaskRunner<State>,
  task: Task,
  returned: PromiseLike<unknown>,
  isStored: boolean,
): Promise<Outcome> {
  try {
    return outcomeOfAnswer(runner, task, await returned, isStored);
  } catch (error) {
    return outcomeOfError(runner, error);
  }
}

function outcomeOfAnswer<State extends object>(
  runner: TaskRunner<State>,
  { node, reentry }: Task,
  returned: unknown,
  isStored: boolean,
): Outcome {
  if (returned === UNFINISHED) return ABORTED;
  return toOutcome(runner, { node, entry: reentry?.entry ?? 1 }, returned, isStored);
}

function outcomeOfError<State extends object>(
  { signal }: TaskRunner<State>,
  error: unknown,
): Outcome {
  return signal.aborted ? ABORTED : { status: "failed", error };
}

function callNode<State extends object>(
  runner: TaskRunner<State>,
  task: Task,
  state: State,
): unknown {
  const node = plannedNode(runner.plan, task.node);
  const view = task.payload === undefined ? state : sendView(runner.plan, task, state);
  const context: NodeContext = {
    pipelineName: runner.plan.name,
    runId: runner.runId,
    node: task.node,
    visit: task.visit,
    attempt: 1,
    taskId: `${runner.taskIdPrefix}${idPartOf(node, task)}/${task.visit}`,
    signal: runner.signal,
    ...(task.answer !== undefined && { answer: decode(task.answer, "answer") }),
    ...(task.reentry !== undefined && { reentry: pauseAnswer(task.reentry, task.node) }),
    ...(node.subRuns !== undefined && hosted(runner.host)),
  };
  if (node.retry === undefined && node.timeoutMs === undefined) return node.run(view, context);
  return attempts(node, view, context, (attempt, error) =>
    emit(runner.onEvent, {
      type: "taskRetried",
      runId: runner.runId,
      node: task.node,
      visit: task.visit,
      attempt,
      error,
    }));
}

/** A task keeps the id that it began with, also where its node was renamed since. */
function idPartOf<State>({ taskIdPart }: PlannedNode<State>, { begunAs }: Task): string {
  return begunAs === undefined ? taskIdPart : escapeName(begunAs);
}

/** Whether `await` would wait for a value: promises of any maker, and what imitates them. */
function isThenable(value: unknown): value is PromiseLike<unknown> {
  const mayBe = (typeof value === "object" && value !== null) || typeof value === "function";
  return mayBe && "then" in value && typeof value.then === "function";
}

function plannedNode<State extends object>(plan: Plan<State>, name: string): PlannedNode<State> {
  const node = plan.nodes.get(name);
  if (node !== undefined) return node;
  throw new TypeError(`Cannot run node "${name}": pipeline "${plan.name}" has no such node`);
}

/** The state that one task of a fan-out sees. */
function sendView<State extends object>(plan: Plan<State>, task: Task, state: State): State {
  return freezeState(fold(state, task.payload ?? {}, plan.reducers), state);
}
