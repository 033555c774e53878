/**
 * A run made of what a call begins with.
 *
 * @module
 */

import type { Call, Caller } from "./caller.ts";
import type { Checkpointer } from "./checkpointer.ts";
import type { RunName } from "./errors.ts";
import { heldBack, untilEnd } from "./flow.ts";
import { makeHost } from "./host.ts";
import { makePace } from "./pace.ts";
import { makeRecorder, type RecorderBase } from "./recorder.ts";
import { restoreStep, restoreVisits } from "./restore.ts";
import { NO_STEP, type Run } from "./run.ts";
import { taskIdPrefix } from "./task_id.ts";

/** A run in this process, as a call begins with it. */
export function makeRun<State extends object>(
  caller: Caller<State>,
  name: RunName,
  { onEvent, flow, aroundNode }: Call<State>,
  from: {
    readonly state: State;
    readonly checkpointer: Checkpointer | undefined;
    readonly base?: RecorderBase;
  },
): Run<State> {
  const { plan, recursionLimit, concurrency, drained } = caller;
  const { state, checkpointer, base } = from;
  const { runId } = name;
  const record = base?.record;
  const control = new AbortController();
  const onFailure = (error: unknown) => control.abort(error);
  const { version } = plan.versions;
  const pipelineVersion = record === undefined ? version : record.pipelineVersion;
  const { signal } = control;
  const saving = { run: name, pipelineVersion, onEvent, onFailure, signal, base };
  const recorder = checkpointer && makeRecorder({ ...caller, checkpointer, ...saving });
  const host = makeHost(checkpointer, recorder, drained.signal);
  const held = flow && untilEnd(flow, drained.signal);
  return {
    runner: {
      plan,
      runId,
      taskIdPrefix: taskIdPrefix(name),
      signal,
      onEvent,
      flow: held,
      aroundNode,
      host,
    },
    recorder,
    control,
    draining: drained.signal,
    pace: held === undefined ? makePace() : heldBack(makePace(), held, signal),
    recursionLimit,
    concurrency,
    state,
    completedNodes: record === undefined ? [] : [...record.completedNodes],
    visits: record === undefined ? new Map() : restoreVisits(record),
    steps: record?.steps ?? 0,
    recoveries: record?.recoveries ?? 0,
    step: record === undefined ? NO_STEP : restoreStep(record),
    pendingEdges: record?.pendingEdges ?? [],
  };
}
