/**
 * Starting a run and going on with one.
 *
 * @module
 */

import type { CheckpointRecord, ResumeRecord } from "./checkpoint_record.ts";
import { CheckpointConflictError, type Checkpointer } from "./checkpointer.ts";
import { acceptAnswer } from "./approval.ts";
import type { Call, Caller } from "./caller.ts";
import { makeRun } from "./make_run.ts";
import { working } from "./working.ts";
import { copyData } from "./copy.ts";
import { encodeFields } from "./encoded_state.ts";
import { label, RunActiveError, RunExistsError, type RunName, StalePauseError } from "./errors.ts";
import { emit } from "./events.ts";
import { deepFreeze, freezeState } from "./freeze.ts";
import { isAlive } from "./lease.ts";
import { fail, followEdges, pausedResult, runSteps, statusOf } from "./loop.ts";
import { checkFields } from "./outcome.ts";
import { loadRun } from "./load.ts";
import { upToDate } from "./migration.ts";
import type { Plan } from "./plan.ts";
import { FORK_NODE_ID, RESUME_NODE_ID, START_NODE_ID } from "./planned_node.ts";
import { reenter } from "./reentry.ts";
import { fold } from "./fold.ts";
import {
  type Approval,
  approve,
  type Approved,
  refuseUnknownNodes,
  restoreState,
} from "./restore.ts";
import type { RunResult } from "./result.ts";
import { makeStep, type Run, type SaveDetails, saveRun, settleRun } from "./run.ts";
import { parseInput } from "./schema.ts";

/** Starts a run: saves it, then takes its steps. */
export async function startRun<State extends object>(
  caller: Caller<State>,
  input: unknown,
  name: RunName,
  startAt: string,
  call: Call<State>,
): Promise<RunResult<State>> {
  const { plan, checkpointer } = caller;
  const parsed = await parseInput(plan.schema, input, plan.name);
  const state = deepFreeze(copyData({ ...parsed }));
  const run = makeRun(caller, name, call, { state, checkpointer });
  run.step = makeStep(run, [{ node: startAt }]);
  return await working(run, call, false, async () => {
    try {
      await saveRun(run, START_NODE_ID, "running");
      await settleRun(run);
    } catch (cause) {
      if (cause instanceof CheckpointConflictError) throw new RunExistsError(name, { cause });
      throw cause;
    }
    return await runSteps(run);
  });
}

/** What `resume` may bring besides a signal. */
export interface ResumeRequest extends Omit<Approval, "answer"> {
  /** What comes with an approval. */
  readonly answer?: unknown;
  /** Folded into the state through the reducers. */
  readonly update?: object;
  /** Who resumes. */
  readonly by?: string;
  /** Whether the run is taken from a worker that seems to be alive. */
  readonly takeOver?: boolean;
}

/** Goes on with a stored run: saves a claim under a new writer, then takes its steps. */
export async function resumeRun<State extends object>(
  caller: Caller<State>,
  checkpointer: Checkpointer,
  name: RunName,
  request: ResumeRequest,
  call: Call<State>,
): Promise<RunResult<State>> {
  const record = await loadRun(checkpointer, name, "resume", { ...caller, signal: call.signal });
  if (!request.takeOver && isAlive(record)) {
    // Who would approve hears that it has been done.
    if (request.approvePause) throw new StalePauseError(name, record.status, request.pauseId);
    throw new RunActiveError(name, record.idleMs ?? 0, record.leaseMs ?? 0);
  }
  return await goOn(caller, checkpointer, record, request, call);
}

/** Why a run is gone on with, if it is not resumed by hand. */
interface Origin {
  /** How often it was recovered since its last step, this time included. */
  readonly recoveries?: number;
  /** The checkpoint of another run that it begins with. */
  readonly forkedFrom?: CheckpointRecord["forkedFrom"];
}

/** Goes on with a run as it was loaded, after bringing it up to date. */
export async function goOn<State extends object>(
  caller: Caller<State>,
  checkpointer: Checkpointer,
  loaded: CheckpointRecord,
  request: ResumeRequest & Origin,
  call: Call<State>,
): Promise<RunResult<State>> {
  const { plan } = caller;
  const record = await upToDate(plan, loaded);
  const name = { pipelineName: record.pipelineName, runId: record.runId };
  const state = restoreState<State>(record);
  if (record.status === "completed" && request.forkedFrom === undefined) {
    const result = finishedResult(name, record, state, request);
    emit(call.onEvent, { type: "runStarted", runId: name.runId, resumed: true });
    emit(call.onEvent, { type: "runEnded", runId: name.runId, result });
    return result;
  }
  refuseUnknownNodes(plan, record);
  const answer = await acceptAnswer(plan, record, request);
  const { approved, pendingEdges, reentered }: Approved = request.forkedFrom === undefined
    ? approve(record, { ...request, answer })
    : { approved: [], pendingEdges: record.pendingEdges };
  const run = makeRun(caller, name, call, {
    state: updated(plan, state, request),
    checkpointer,
    base: { record, state, stored: loaded },
  });
  const { by, update, forkedFrom, approvedAt: at = new Date().toISOString() } = request;
  const said = {
    at,
    ...(answer !== undefined && { answer }),
    ...(by !== undefined && { by }),
  };
  run.pendingEdges = pendingEdges;
  if (reentered !== undefined) run.step = reenter(run.step, reentered, said);
  run.recoveries = request.recoveries ?? run.recoveries;
  const resume: ResumeRecord = {
    ...said,
    approved,
    ...(update !== undefined && { update: encodeFields(update, "state", () => label(name)) }),
  };
  return await working(run, call, true, () => claim(run, { resume, forkedFrom }));
}

/**
 * Saves the claim, and the approval with it, before anything is asked or run; then the edges that
 * were waiting are asked, and the run goes on.
 */
export async function claim<State extends object>(
  run: Run<State>,
  details: Pick<SaveDetails, "resume" | "forkedFrom">,
): Promise<RunResult<State>> {
  const nodeId = details.forkedFrom === undefined ? RESUME_NODE_ID : FORK_NODE_ID;
  await saveRun(run, nodeId, statusOf(run), details);
  await settleRun(run);
  const finished = run.pendingEdges.at(-1);
  const paused = pausedResult(run);
  if (paused !== undefined || finished === undefined) return paused ?? await runSteps(run);
  const failure = await followEdges(run);
  if (failure !== undefined) return await fail(run, [failure]);
  await saveRun(run, finished.node, statusOf(run));
  return await runSteps(run);
}

function finishedResult<State extends object>(
  name: RunName,
  record: CheckpointRecord,
  state: State,
  { approvePause, pauseId, update }: ResumeRequest,
): RunResult<State> {
  if (approvePause) throw new StalePauseError(name, record.status, pauseId);
  if (update !== undefined) {
    throw new TypeError(
      `Cannot update run "${name.runId}" of pipeline "${name.pipelineName}": it is completed, ` +
        "and no node would see the update",
    );
  }
  return {
    runId: name.runId,
    state,
    completedNodes: record.completedNodes,
    status: "completed",
  };
}

function updated<State extends object>(
  plan: Plan<State>,
  state: State,
  { update }: ResumeRequest,
): State {
  if (update === undefined) return state;
  checkFields(plan, update, `the update of resume for pipeline "${plan.name}"`);
  return freezeState(fold(state, copyData(update), plan.reducers), state);
}
