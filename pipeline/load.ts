/**
 * Loading a run that is to be gone on with.
 *
 * @module
 */

import { type Checkpointer, type LoadedRecord, RecordVersionError } from "./checkpointer.ts";
import { CheckpointLoadError, type RunName, RunNotFoundError } from "./errors.ts";
import { answered, type Patience } from "./patience.ts";

/**
 * The latest checkpoint of a run, if there is one.
 *
 * @param verb What is to be done with the run, for the error.
 * @throws {RecordVersionError} If a newer version of this package stored it.
 * @throws {CheckpointLoadError} If the store failed, or the wait for it ended.
 */
export async function findRun(
  checkpointer: Checkpointer,
  run: RunName,
  verb: string,
  patience: Patience,
): Promise<LoadedRecord | undefined> {
  try {
    return await answered(checkpointer.loadLatest(run.pipelineName, run.runId), patience);
  } catch (cause) {
    if (cause instanceof RecordVersionError) throw cause;
    throw new CheckpointLoadError(run, verb, { cause });
  }
}

/**
 * The latest checkpoint of a run; the errors are those of `findRun`, and one more.
 *
 * @throws {RunNotFoundError} If there is no such run.
 */
export async function loadRun(
  checkpointer: Checkpointer,
  run: RunName,
  verb: string,
  patience: Patience,
): Promise<LoadedRecord> {
  const record = await findRun(checkpointer, run, verb, patience);
  if (record === undefined) throw new RunNotFoundError(run, verb);
  return record;
}
