/**
 * The step loop: run the tasks of a step, fold what they returned, ask the edges, save, go on.
 *
 * @module
 */

import type { PendingEdge, RunStatus } from "./checkpoint_record.ts";
import { CheckpointConflictError } from "./checkpointer.ts";
import { StateSerializationError } from "./codec.ts";
import type { MaybePromise } from "./definition.ts";
import { type AcceptSend, nextTargets, RouteError, type Target } from "./edges.ts";
import { encodeFields } from "./encoded_state.ts";
import { label, RecursionLimitError } from "./errors.ts";
import { foldStep } from "./fold_step.ts";
import { isFailed, targetsWithFailures } from "./on_error.ts";
import { checkFields } from "./outcome.ts";
import { CANCEL_NODE_ID, DRAIN_NODE_ID } from "./planned_node.ts";
import { isWaiting, waitingPauses } from "./reentry.ts";
import type { RunResult, TaskFailure } from "./result.ts";
import {
  failedResult,
  makeStep,
  pausesOf,
  resultBase,
  type Run,
  saveRun,
  type Step,
} from "./run.ts";
import { keepOutcomes, runTasks } from "./step.ts";
import type { Task } from "./task.ts";

type Failures = readonly [TaskFailure, ...TaskFailure[]];

const NO_TASK: Task = { node: "", visit: 1 };
const NO_FAILURES: readonly TaskFailure[] = [];
const NO_EDGES: readonly PendingEdge[] = [];

/**
 * Takes steps until none is left, one fails, pauses or is cancelled.
 *
 * @throws {CheckpointConflictError} If another writer went on with the run.
 * @throws {CheckpointSaveError} If a checkpoint could not be stored; no node runs after that.
 */
export async function runSteps<State extends object>(run: Run<State>): Promise<RunResult<State>> {
  while (run.step.tasks.length > 0) {
    if (run.pace.isDue()) await run.pace.giveWay();
    const taken = takeStep(run);
    const result = taken instanceof Promise ? await taken : taken;
    if (result !== undefined) return result;
  }
  return { ...resultBase(run), status: "completed" };
}

/** Takes one step; comes back with a result if the run stops there. */
function takeStep<State extends object>(
  run: Run<State>,
): MaybePromise<RunResult<State> | undefined> {
  if (run.runner.signal.aborted) return cancel(run);
  // What is kept nowhere cannot be gone on with elsewhere.
  if (run.draining.aborted && run.recorder !== undefined) return letGo(run);
  if (run.steps >= run.recursionLimit) return fail(run, [limitFailure(run)]);
  const running = runTasks(run);
  return running instanceof Promise ? running.then(() => endStep(run)) : endStep(run);
}

/** Goes on where the tasks of a step have run, as far as they got. */
function endStep<State extends object>(
  run: Run<State>,
): MaybePromise<RunResult<State> | undefined> {
  const [failure, ...others] = failuresOf(run.step);
  const isCut = run.runner.signal.aborted && (failure !== undefined || !isDone(run.step));
  if (isCut) return cancel(run);
  if (failure !== undefined) return fail(run, [failure, ...others]);
  // What runs inside of a node was let go of.
  if (!isDone(run.step)) return letGo(run);
  return isWaiting(run.step) ? wait(run) : finishStep(run);
}

/** Saves that a step waits for answers to pauses that re-enter their nodes. */
async function wait<State extends object>(
  run: Run<State>,
): Promise<RunResult<State> | undefined> {
  // Of several tasks, each one's outcome was noted as it came.
  if (run.step.tasks.length === 1) keepOutcomes(run);
  run.pendingEdges = waitingPauses(run.step);
  run.recoveries = 0;
  await saveRun(run, run.pendingEdges[0]?.node ?? "", statusOf(run));
  return pausedResult(run);
}

/** Folds a step whose tasks are done, asks the edges, and saves what comes next. */
function finishStep<State extends object>(
  run: Run<State>,
): MaybePromise<RunResult<State> | undefined> {
  const { step, state } = run;
  const { recoveries } = run;
  const before = { step, state, recoveries, finished: run.completedNodes.length };
  const failure = foldStep(run);
  if (failure !== undefined) {
    keepOutcomes(run);
    return fail(run, [failure]);
  }
  if (run.pendingEdges.some((edge) => isDeadEnd(run, edge))) return endRejected(run, before);
  const routed = followEdges(run);
  const isAtOnce = routed === undefined && run.recorder === undefined;
  return isAtOnce ? pausedResult(run) : saveStep(run, before, routed);
}

/** A run before a step was folded. */
interface Unfolded<State> {
  readonly step: Step;
  readonly state: State;
  readonly recoveries: number;
  readonly finished: number;
}

async function saveStep<State extends object>(
  run: Run<State>,
  before: Unfolded<State>,
  routed: MaybePromise<TaskFailure | undefined>,
): Promise<RunResult<State> | undefined> {
  try {
    const failure = routed instanceof Promise ? await routed : routed;
    if (failure !== undefined) return await fail(run, [failure], before.step);
    const [paused] = pausesOf(run.pendingEdges);
    const nodeId = paused?.node ?? before.step.tasks.at(-1)?.node ?? "";
    await saveRun(run, nodeId, statusOf(run), { ended: before.step });
  } catch (error) {
    return await failUnfolded(run, before, error);
  }
  return pausedResult(run);
}

/** Cancels a run with a task that ended as rejected where its node's edge has no target for that. */
async function endRejected<State extends object>(
  run: Run<State>,
  before: Unfolded<State>,
): Promise<RunResult<State>> {
  try {
    return await cancel(run, before.step);
  } catch (error) {
    return await failUnfolded(run, before, error);
  }
}

function isDeadEnd<State extends object>(
  run: Run<State>,
  { node, rejected }: PendingEdge,
): boolean {
  return rejected === true && !run.runner.plan.rejections.has(node);
}

/** Fails with a state that has no stored form. Nothing of the fold was stored: the step is to be done. */
async function failUnfolded<State extends object>(
  run: Run<State>,
  before: Unfolded<State>,
  error: unknown,
): Promise<RunResult<State>> {
  if (!(error instanceof StateSerializationError)) throw error;
  run.state = before.state;
  run.recoveries = before.recoveries;
  run.completedNodes.length = before.finished;
  run.steps--;
  run.step = before.step;
  run.pendingEdges = NO_EDGES;
  keepOutcomes(run);
  return await fail(run, [{ ...firstTask(before.step), error }]);
}

/** What a run that did not fail is doing, by what is left to do. */
export function statusOf<State extends object>({ step, pendingEdges }: Run<State>): RunStatus {
  if (pendingEdges.some(isPaused)) return "paused";
  return step.tasks.length > 0 || pendingEdges.length > 0 ? "running" : "completed";
}

/** The result of a run that waits for an approval, if it does. */
export function pausedResult<State extends object>(run: Run<State>): RunResult<State> | undefined {
  if (!run.pendingEdges.some(isPaused)) return undefined;
  return { ...resultBase(run), status: "paused", pauses: pausesOf(run.pendingEdges) };
}

function isPaused({ pause }: PendingEdge): boolean {
  return pause !== undefined;
}

/**
 * Asks the pending edges and makes the answers the run's next step, unless a pause comes first. If
 * an edge throws, all stay pending and the failure comes back.
 */
export function followEdges<State extends object>(
  run: Run<State>,
): MaybePromise<TaskFailure | undefined> {
  const { pendingEdges, runner: { plan } } = run;
  if (pendingEdges.length === 0 || pendingEdges.some(isPaused)) return undefined;
  try {
    const accept: AcceptSend = (target, payload) => acceptSend(run, target, payload);
    const ask = (edges: readonly PendingEdge[]) => nextTargets(edges, plan, run.state, accept);
    // Only a stored run can have failures of nodes that are not guarded any more.
    const mayHaveFailed = plan.hasGuards || run.recorder !== undefined;
    const targets = mayHaveFailed && pendingEdges.some(isFailed)
      ? targetsWithFailures(pendingEdges, plan, ask)
      : ask(pendingEdges);
    if (!(targets instanceof Promise)) return schedule(run, targets);
    return targets.then((settled) => schedule(run, settled))
      .catch((error: unknown) => edgeFailure(pendingEdges, error));
  } catch (error) {
    return edgeFailure(pendingEdges, error);
  }
}

function schedule<State extends object>(run: Run<State>, targets: readonly Target[]): undefined {
  run.step = makeStep(run, targets);
  run.pendingEdges = NO_EDGES;
}

/** Checks a payload, and encodes it where it will be stored. */
function acceptSend<State extends object>(
  run: Run<State>,
  target: Target,
  payload: object,
): Target {
  const { plan } = run.runner;
  checkFields(plan, payload, `a send to node "${target.node}" of pipeline "${plan.name}"`);
  if (run.recorder === undefined) return target;
  const owner = () => label({ pipelineName: plan.name, runId: run.runner.runId });
  return { ...target, storedPayload: encodeFields(payload, `send("${target.node}")`, owner) };
}

function edgeFailure(pendingEdges: readonly PendingEdge[], error: unknown): TaskFailure {
  const failed = error instanceof RouteError ? error.node : pendingEdges[0]?.node;
  const { node, visit } = pendingEdges.find((edge) => edge.node === failed) ?? NO_TASK;
  return { node, visit, error: error instanceof RouteError ? error.cause : error };
}

/** Saves that the run failed, and where. */
export async function fail<State extends object>(
  run: Run<State>,
  failures: Failures,
  ended: Step = run.step,
): Promise<RunResult<State>> {
  await saveRun(run, failures[0].node, "failed", { failures, ended });
  return failedResult(run, failures);
}

/**
 * Saves that the run is cancelled.
 *
 * @throws {CheckpointConflictError} If its worker stops since it lost the run: nothing is saved.
 */
async function cancel<State extends object>(
  run: Run<State>,
  ended?: Step,
): Promise<RunResult<State>> {
  const { reason } = run.runner.signal;
  if (reason instanceof CheckpointConflictError) throw reason;
  await saveRun(run, CANCEL_NODE_ID, "cancelled", { ended });
  return { ...resultBase(run), status: "cancelled" };
}

/** Saves that the worker lets go of the run, so that another one may go on at once. */
async function letGo<State extends object>(run: Run<State>): Promise<RunResult<State>> {
  await saveRun(run, DRAIN_NODE_ID, "running", { isReleased: true });
  return { ...resultBase(run), status: "drained" };
}

function failuresOf({ tasks, outcomes }: Step): readonly TaskFailure[] {
  if (!outcomes.some((outcome) => outcome?.status === "failed")) return NO_FAILURES;
  return tasks.flatMap(({ node, visit }, index) => {
    const outcome = outcomes[index];
    return outcome?.status === "failed" ? [{ node, visit, error: outcome.error }] : [];
  });
}

function isDone({ tasks, outcomes }: Step): boolean {
  return tasks.every((_, index) => outcomes[index] !== undefined);
}

function limitFailure<State extends object>(run: Run<State>): TaskFailure {
  const { runId, plan } = run.runner;
  const { node, visit } = firstTask(run.step);
  const name = { pipelineName: plan.name, runId };
  return { node, visit, error: new RecursionLimitError(name, node, run.recursionLimit) };
}

function firstTask({ tasks: [first = NO_TASK] }: Step): Pick<Task, "node" | "visit"> {
  return { node: first.node, visit: first.visit };
}
