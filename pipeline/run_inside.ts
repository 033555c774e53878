/**
 * Running a pipeline for a task of another one.
 *
 * @module
 */

import { answerSchema, rejectPause } from "./approval.ts";
import type { Call, Caller } from "./caller.ts";
import { goOn, startRun } from "./calls.ts";
import type { CheckpointRecord } from "./checkpoint_record.ts";
import type { Checkpointer, LoadedRecord } from "./checkpointer.ts";
import type { MaybePromise, NodeContext } from "./definition.ts";
import { label, type PendingPause, RunError, RunExistsError, type RunName } from "./errors.ts";
import type { Host } from "./host.ts";
import type { Inner } from "./inner.ts";
import { isAlive } from "./lease.ts";
import { findRun } from "./load.ts";
import { type Pause, pause, type PauseAnswer } from "./pause.ts";
import { restoreState } from "./restore.ts";
import type { RunResult } from "./result.ts";
import { pausesOf } from "./run.ts";
import type { StandardSchema } from "./schema.ts";

/** The error of a node whose inner run failed, or was cancelled by somebody else. */
export class SubPipelineError extends RunError {
  /** The name of the class. */
  override readonly name = "SubPipelineError";

  /** Takes the inner pipeline, how its run ended, and what it threw as the cause. */
  constructor(
    pipelineName: string,
    result: RunResult<unknown> & { readonly status: "failed" | "cancelled" },
    options?: ErrorOptions,
  ) {
    const run = { pipelineName, runId: result.runId };
    const why = result.status === "cancelled"
      ? "it was cancelled"
      : `its node "${result.failedNode}" failed: ${messageOf(result.error)}`;
    super(run, `Cannot finish ${label(run)}: ${why}; resume the run that it is part of`, options);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What the pause of a sub-pipeline's node shows. */
export interface SubPipelinePause {
  /** Name of the inner pipeline. */
  readonly pipelineName: string;
  /** Id of the inner run. */
  readonly runId: string;
  /** What the inner run waits for; the pause stands for the first. */
  readonly pauses: readonly PendingPause[];
}

/** The task, and the pipeline that runs in it. */
export interface Inside<SubState extends object> {
  /** The pipeline that runs. */
  readonly inner: Inner<SubState>;
  /** The run that the task is of. */
  readonly host: Host;
  /** What the task's node was told. */
  readonly context: NodeContext;
}

/** What goes into a run. */
export interface Into {
  /** The input of a new one. */
  input(): unknown;
  /** What an approval folds into its state. */
  update(said: PauseAnswer): MaybePromise<object | undefined>;
}

/** How a run inside of a task ended: also by the rejection of a pause that led nowhere. */
export type InsideResult<SubState> = RunResult<SubState> | { readonly status: "rejected" };

/** Starts the run of a task, or goes on with it, as far as that goes without another answer. */
export async function runInside<SubState extends object>(
  inside: Inside<SubState>,
  into: Into,
): Promise<InsideResult<SubState>> {
  const { inner, context: { signal } } = inside;
  const caller = callerInside(inside);
  const call = inner.makeCall(signal);
  const running = startOrGoOn(inside, caller, into, call);
  caller.active.add(running);
  try {
    return await running;
  } finally {
    caller.active.delete(running);
  }
}

/** The inner pipeline's calls, as far as its run has something from the outer one. */
function callerInside<SubState extends object>(
  { inner: { caller }, host }: Inside<SubState>,
): Caller<SubState> {
  const { checkpointer = host.checkpointer, drained } = caller;
  const signals = host.draining === undefined ? [] : [drained.signal, host.draining];
  return {
    ...caller,
    checkpointer,
    drained: {
      signal: AbortSignal.any(signals),
      abort: (reason) => drained.abort(reason),
    },
  };
}

async function startOrGoOn<SubState extends object>(
  inside: Inside<SubState>,
  caller: Caller<SubState>,
  into: Into,
  call: Call<SubState>,
): Promise<InsideResult<SubState>> {
  const { plan, checkpointer } = caller;
  const name = { pipelineName: plan.name, runId: inside.context.taskId };
  const start = async () => await startRun(caller, await into.input(), name, plan.start, call);
  if (checkpointer === undefined) return await start();
  for (;;) {
    const patience = { ...caller, signal: call.signal };
    const record = await findRun(checkpointer, name, "go on with", patience);
    if (record !== undefined) {
      return await goOnInside(inside, caller, { checkpointer, record }, into, call);
    }
    try {
      return await start();
    } catch (error) {
      // A worker that lost the outer run was at it.
      if (!(error instanceof RunExistsError)) throw error;
    }
  }
}

async function goOnInside<SubState extends object>(
  { host, context: { reentry: said } }: Inside<SubState>,
  caller: Caller<SubState>,
  { checkpointer, record }: { readonly checkpointer: Checkpointer; readonly record: LoadedRecord },
  { update }: Into,
  call: Call<SubState>,
): Promise<InsideResult<SubState>> {
  // What another worker is at may be taken from it by who has the outer run, and by nobody else.
  if (isAlive(record)) await host.assertOurs();
  const { pipelineName, runId } = record;
  const answered = said && answeredPause(said, record);
  const pauses = pausesOf(record.pendingEdges);
  if (!pauses.some(({ id }) => id === answered)) {
    if (pauses.length > 0) return pausedResult(record, pauses);
    const wasRejected = record.status === "cancelled" && answered !== undefined &&
      record.resume?.rejected?.includes(answered) === true;
    return wasRejected
      ? { status: "rejected" }
      : await goOn(caller, checkpointer, record, {}, call);
  }
  if (said?.approved === false) {
    const { by, reason } = said;
    const rejection = { pauseId: answered, by, reason };
    const result = await rejectPause(
      caller,
      checkpointer,
      { pipelineName, runId },
      rejection,
      call,
    );
    const isOver = result.status === "cancelled" && call.signal?.aborted !== true;
    return isOver ? { status: "rejected" } : result;
  }
  const request = { approvePause: true, pauseId: answered, answer: said?.answer, by: said?.by };
  return await goOn(caller, checkpointer, record, {
    ...request,
    approvedAt: said?.at,
    update: said && await update(said),
  }, call);
}

function pausedResult<SubState extends object>(
  record: CheckpointRecord,
  pauses: readonly PendingPause[],
): RunResult<SubState> {
  const { runId, completedNodes } = record;
  const state = restoreState<SubState>(record);
  return { runId, state, completedNodes, status: "paused", pauses };
}

/** The outer pause that stands for the first one of an inner run. */
export function pauseFor(
  pipelineName: string,
  { runId, pauses }: { readonly runId: string; readonly pauses: readonly PendingPause[] },
): Pause {
  const [first] = pauses;
  const payload: SubPipelinePause = { pipelineName, runId, pauses };
  const outer = pause(first?.reason ?? "", { payload, reenter: true });
  return { ...outer, expiresAt: first?.expiresAt };
}

/**
 * The shape of the answer to an outer pause: what the inner node asks for. The inner run makes of it
 * what its schema says, so it is only looked at here.
 */
export function answerTo<SubState extends object>(
  { caller: { plan } }: Inner<SubState>,
  outer: PendingPause,
): StandardSchema | undefined {
  const inner = firstPause(outer);
  const schema = inner && answerSchema(plan, inner);
  return schema && {
    "~standard": {
      version: 1,
      vendor: "@firefly/pipeline",
      async validate(value) {
        const result = await schema["~standard"].validate(value);
        return result.issues === undefined ? { value } : result;
      },
    },
  };
}

/** The id of the inner pause that was answered with an outer one, if that is of this run. */
function answeredPause({ pause }: PauseAnswer, { pipelineName, runId }: RunName) {
  const { payload } = pause;
  const isOurs = isSubPipelinePause(payload) && payload.pipelineName === pipelineName &&
    payload.runId === runId;
  return isOurs ? firstPause(pause)?.id : undefined;
}

function firstPause({ payload }: PendingPause): PendingPause | undefined {
  return isSubPipelinePause(payload) ? payload.pauses[0] : undefined;
}

/** What `pauseFor` made comes back as it was. */
function isSubPipelinePause(payload: unknown): payload is SubPipelinePause {
  return typeof payload === "object" && payload !== null && "pauses" in payload &&
    "pipelineName" in payload && "runId" in payload && Array.isArray(payload.pauses);
}
