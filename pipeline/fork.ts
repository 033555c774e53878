/**
 * Forks: new runs that begin where another one once was.
 *
 * @module
 */

import type { Call, Caller } from "./caller.ts";
import { goOn, type ResumeRequest } from "./calls.ts";
import type { CheckpointRecord } from "./checkpoint_record.ts";
import { CheckpointConflictError, type Checkpointer } from "./checkpointer.ts";
import { label, RunExistsError, type RunName, RunNotFoundError } from "./errors.ts";
import type { RunResult } from "./result.ts";

/** Where a fork begins, and as what. */
export interface ForkRequest extends Pick<ResumeRequest, "update" | "by"> {
  /** The checkpoint of the run that is forked. */
  readonly sequence: number;
  /** Id of the new run. */
  readonly runId: string;
}

/** Begins a new run at a checkpoint of another one, which stays as it is, and takes its steps. */
export async function forkRun<State extends object>(
  caller: Caller<State>,
  checkpointer: Checkpointer,
  name: RunName,
  { sequence, runId, ...request }: ForkRequest,
  call: Call<State>,
): Promise<RunResult<State>> {
  const record = await find(checkpointer, name, sequence);
  const forkedFrom = { runId: name.runId, sequence };
  // The first save of a call takes the sequence after the one that it goes on from.
  const origin = { ...record, runId, sequence: -1, recoveries: undefined };
  try {
    return await goOn(caller, checkpointer, origin, { ...request, forkedFrom }, call);
  } catch (cause) {
    const isTaken = cause instanceof CheckpointConflictError && cause.sequence === 0;
    throw isTaken ? new RunExistsError({ ...name, runId }, { cause }) : cause;
  }
}

async function find(
  checkpointer: Checkpointer,
  name: RunName,
  sequence: number,
): Promise<CheckpointRecord> {
  let latest: number | undefined;
  for await (const record of checkpointer.history(name.pipelineName, name.runId)) {
    latest ??= record.sequence;
    if (record.sequence === sequence) return record;
    if (record.sequence < sequence) break;
  }
  if (latest === undefined) throw new RunNotFoundError(name, "fork");
  throw new RangeError(
    `Cannot fork ${label(name)} at checkpoint ${sequence}: it is not stored; the latest one is ` +
      `${latest}, history() has them all`,
  );
}
