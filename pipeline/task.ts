/**
 * One task: one visit of one node, from the state it sees to what came of it.
 *
 * @module
 */

import { attemptsOf, callNode, firstAttempt, type NoteRetry } from "./attempt.ts";
import type { AroundNode, MaybePromise, RetryOptions } from "./definition.ts";
import { errorRecord } from "./error_record.ts";
import { label } from "./errors.ts";
import { emit, type EventHandler } from "./events.ts";
import type { Flow } from "./flow.ts";
import { freezeState } from "./freeze.ts";
import { type Host, UNFINISHED } from "./host.ts";
import type { Json } from "./json.ts";
import { contextOf } from "./node_context.ts";
import { type Outcome, toOutcome } from "./outcome.ts";
import type { Plan } from "./plan.ts";
import type { PlannedNode } from "./planned_node.ts";
import type { FailedAttempt } from "./retry.ts";
import { fold } from "./fold.ts";
import type { FailureRecord, ReentryRecord } from "./task_record.ts";

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
  /** What failed, where the node is the `onError` of it. */
  readonly failures?: readonly FailureRecord[];
  /** The attempts that failed before the run was loaded, where another one follows. */
  readonly failed?: FailedAttempt;
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
  /** Holds back who tells more than the reader takes. */
  readonly flow: Flow | undefined;
  /** Is put around every attempt. */
  readonly aroundNode: AroundNode | undefined;
}

/** How one task is run. */
export interface TaskMode {
  /** Whether the outcome is to be stored by itself, before its step is folded. */
  readonly isStored: boolean;
  /** Notes that an attempt failed and another one follows, if that is to be stored. */
  readonly noteRetry?: (failed: FailedAttempt) => Promise<void>;
  /** Which attempt may tell events, if any is listened to. */
  readonly telling?: { attempt: number };
}

const ABORTED: Outcome = { status: "aborted" };

/**
 * Runs one task on a frozen state; whatever goes wrong in it is its outcome. There is no promise
 * where the node gave none: a turn of the microtask queue costs as much as the rest of a step.
 */
export function runTask<State extends object>(
  runner: TaskRunner<State>,
  task: Task,
  state: State,
  mode: TaskMode,
): MaybePromise<Outcome> {
  return runner.onEvent === undefined
    ? outcomeOf(runner, task, state, mode)
    : toldOutcomeOf(runner, task, state, mode);
}

async function toldOutcomeOf<State extends object>(
  runner: TaskRunner<State>,
  task: Task,
  state: State,
  mode: TaskMode,
): Promise<Outcome> {
  const first = firstAttempt(task);
  const about = { runId: runner.runId, node: task.node, visit: task.visit };
  emit(runner.onEvent, { type: "taskStarted", ...about, attempt: first });
  const started = performance.now();
  const telling = { attempt: first };
  const outcome = await outcomeOf(runner, task, state, { ...mode, telling });
  telling.attempt = 0;
  const durationMs = performance.now() - started;
  const end = { ...about, attempt: outcome.attempts ?? first, durationMs };
  if (outcome.status === "finished") {
    emit(runner.onEvent, { type: "taskFinished", ...end });
  } else if (outcome.status === "paused") {
    emit(runner.onEvent, { type: "taskPaused", ...end, reason: outcome.reason });
  } else {
    const error = outcome.status === "aborted" ? runner.signal.reason : outcome.error;
    emit(runner.onEvent, { type: "taskFailed", ...end, error });
  }
  return outcome;
}

function outcomeOf<State extends object>(
  runner: TaskRunner<State>,
  task: Task,
  state: State,
  mode: TaskMode,
): MaybePromise<Outcome> {
  try {
    const node = plannedNode(runner.plan, task.node);
    const view = viewOf(runner.plan, task, state);
    if (hasRetry(node)) return outcomeOfAttempts(runner, node, task, view, mode);
    const context = contextOf(runner, node, task, mode, firstAttempt(task));
    const { aroundNode } = runner;
    const isPlain = node.timeoutMs === undefined && aroundNode === undefined;
    const returned = isPlain ? node.run(view, context) : callNode(node, view, context, aroundNode);
    return isThenable(returned)
      ? laterOutcome(runner, task, returned, mode)
      : outcomeOfAnswer(runner, task, returned, mode);
  } catch (error) {
    return outcomeOfError(runner, task.node, error);
  }
}

async function laterOutcome<State extends object>(
  runner: TaskRunner<State>,
  task: Task,
  returned: PromiseLike<unknown>,
  mode: TaskMode,
): Promise<Outcome> {
  try {
    return outcomeOfAnswer(runner, task, await returned, mode);
  } catch (error) {
    return outcomeOfError(runner, task.node, error);
  }
}

function outcomeOfAnswer<State extends object>(
  runner: TaskRunner<State>,
  { node, reentry }: Task,
  returned: unknown,
  { isStored }: TaskMode,
): Outcome {
  if (returned === UNFINISHED) return ABORTED;
  return toOutcome(runner, { node, entry: reentry?.entry ?? 1 }, returned, isStored);
}

async function outcomeOfAttempts<State extends object>(
  runner: TaskRunner<State>,
  node: PlannedNode<State> & { readonly retry: RetryOptions },
  task: Task,
  view: State,
  mode: TaskMode,
): Promise<Outcome> {
  const { node: name, visit, failed } = task;
  const { runId, plan, signal } = runner;
  let attempts = 1;
  const noteRetry: NoteRetry = async (failed, delayMs, error) => {
    if (mode.telling !== undefined) mode.telling.attempt = 0;
    const { attempt } = failed;
    const event = { type: "taskRetried", runId, node: name, visit, attempt, error } as const;
    emit(runner.onEvent, { ...event, delayMs });
    await mode.noteRetry?.(failed);
  };
  const returned = attemptsOf({
    retry: node.retry,
    failed,
    signal,
    draining: runner.host.draining,
    noteRetry,
    what: () => `node "${name}" of ${label({ pipelineName: plan.name, runId })}`,
    attempt(attempt) {
      attempts = attempt;
      const context = contextOf(runner, node, task, mode, attempt);
      return callNode(node, view, context, runner.aroundNode);
    },
  });
  const outcome = await laterOutcome(runner, task, returned, mode);
  return attempts === 1 ? outcome : { ...outcome, attempts };
}

function hasRetry<State>(
  node: PlannedNode<State>,
): node is PlannedNode<State> & { readonly retry: RetryOptions } {
  return node.retry !== undefined;
}

function outcomeOfError<State extends object>(
  { plan, signal }: TaskRunner<State>,
  node: string,
  error: unknown,
): Outcome {
  if (signal.aborted) return ABORTED;
  const isHandled = plan.nodes.get(node)?.onError !== undefined;
  return isHandled
    ? { status: "handled", error, record: errorRecord(error) }
    : { status: "failed", error };
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

/** The state that a task sees: one of a fan-out has its payload folded in. */
function viewOf<State extends object>(plan: Plan<State>, { payload }: Task, state: State): State {
  return payload === undefined ? state : freezeState(fold(state, payload, plan.reducers), state);
}
