/**
 * One task: one visit of one node, from the state it sees to what came of it.
 *
 * @module
 */

import { attemptsOf, callNode, firstAttempt, type NoteRetry } from "./attempt.ts";
import type { ErrorRecord, FailureRecord } from "./checkpointer.ts";
import { type AroundNode, isPause, type MaybePromise, type RetryOptions } from "./definition.ts";
import { encodeFields } from "./encoded_state.ts";
import { errorRecord } from "./error_record.ts";
import { label, quoted } from "./errors.ts";
import { emit, type EventHandler } from "./events.ts";
import type { Flow } from "./flow.ts";
import { freezeState } from "./freeze.ts";
import type { JsonObject } from "./json.ts";
import { contextOf } from "./node_context.ts";
import type { Plan } from "./plan.ts";
import type { PlannedNode } from "./planned_node.ts";
import type { FailedAttempt } from "./retry.ts";
import { fold } from "./fold.ts";

/** A task of a step. */
export interface Task {
  /** The node to run. */
  readonly node: string;
  /** 1 for the node's first visit in this run. */
  readonly visit: number;
  /** The payload of a `send`. */
  readonly payload?: object;
  /** What failed, where the node is the `onError` of it. */
  readonly failures?: readonly FailureRecord[];
  /** The attempts that failed before the run was loaded, where another one follows. */
  readonly failed?: FailedAttempt;
}

/** What came of a task. */
export type Outcome =
  & {
    /** How many attempts it took, where it took more than one. */
    readonly attempts?: number;
  }
  & (
    | {
      readonly status: "finished";
      readonly update?: object;
      /** The update's encoded form, where it is stored by itself. */
      readonly storedUpdate?: JsonObject;
    }
    | { readonly status: "paused"; readonly reason: string }
    | { readonly status: "failed"; readonly error: unknown }
    /** It failed, and the run goes on at its node's `onError`. */
    | { readonly status: "handled"; readonly error: unknown; readonly record: ErrorRecord }
    /** The run was cancelled while the node ran; the task is still to be done. */
    | { readonly status: "aborted" }
  );

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

const FINISHED: Outcome = { status: "finished" };
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
      ? laterOutcome(runner, task.node, returned, mode)
      : toOutcome(runner, task.node, returned, mode);
  } catch (error) {
    return outcomeOfError(runner, task.node, error);
  }
}

async function laterOutcome<State extends object>(
  runner: TaskRunner<State>,
  node: string,
  returned: PromiseLike<unknown>,
  mode: TaskMode,
): Promise<Outcome> {
  try {
    return toOutcome(runner, node, await returned, mode);
  } catch (error) {
    return outcomeOfError(runner, node, error);
  }
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
    noteRetry,
    what: () => `node "${name}" of ${label({ pipelineName: plan.name, runId })}`,
    attempt(attempt) {
      attempts = attempt;
      const context = contextOf(runner, node, task, mode, attempt);
      return callNode(node, view, context, runner.aroundNode);
    },
  });
  const outcome = await laterOutcome(runner, name, returned, mode);
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

function toOutcome<State extends object>(
  { plan, runId }: TaskRunner<State>,
  node: string,
  returned: unknown,
  { isStored }: TaskMode,
): Outcome {
  if (returned === undefined || returned === null) return FINISHED;
  if (isPause(returned)) return { status: "paused", reason: returned.reason };
  if (!isUpdate(returned)) {
    throw new TypeError(
      `Cannot use what node "${node}" of pipeline "${plan.name}" returned: it must be an object ` +
        "with the fields to update, pause(...), or nothing",
    );
  }
  checkFields(plan, returned, `what node "${node}" of pipeline "${plan.name}" returned`);
  if (!isStored) return { status: "finished", update: returned };
  const owner = () => `node "${node}" of ${label({ pipelineName: plan.name, runId })}`;
  return {
    status: "finished",
    update: returned,
    storedUpdate: encodeFields(returned, "state", owner),
  };
}

function isUpdate(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/**
 * Refuses fields that the state does not have, where the schema tells what it has.
 *
 * @throws {TypeError} Naming the first unknown field and the known ones.
 */
export function checkFields<State extends object>(
  plan: Plan<State>,
  update: object,
  what: string,
): void {
  const { fields } = plan;
  if (fields === undefined) return;
  for (const field of Object.keys(update)) {
    if (fields.has(field)) continue;
    throw new TypeError(
      `Cannot use ${what}: the state has no field "${field}"; its fields are ${quoted(fields)}`,
    );
  }
}
