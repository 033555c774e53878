/**
 * The run's own line to its checkpointer: builds each record, numbers it, hands along what changed.
 *
 * @module
 */

import { changeBetween } from "./change.ts";
import {
  CheckpointConflictError,
  type Checkpointer,
  type CheckpointRecord,
  RECORD_VERSION,
} from "./checkpointer.ts";
import { type EncodedState, encodeState, encodingFor, NO_STATE } from "./encoded_state.ts";
import { CheckpointSaveError, label } from "./errors.ts";
import { emit, type EventHandler } from "./events.ts";

/** What the engine says of a checkpoint; the recorder adds the rest. */
export type Checkpoint =
  & Pick<
    CheckpointRecord,
    | "nodeId"
    | "completedNodes"
    | "status"
    | "tasks"
    | "pendingEdges"
    | "steps"
    | "failures"
    | "resume"
  >
  & { readonly state: object };

/** Saves the checkpoints of one run, one after the other. */
export interface Recorder {
  /**
   * Saves the next checkpoint.
   *
   * @throws {StateSerializationError} If the state has no stored form; nothing was saved.
   * @throws {CheckpointConflictError} If another writer went on with the run.
   * @throws {CheckpointSaveError} If the store failed.
   */
  save(checkpoint: Checkpoint): Promise<void>;
}

/**
 * Makes a recorder for one call: a new writer, which goes on after `base` or starts at 0.
 *
 * @param base The record that was loaded, and the state it stands for.
 */
export function makeRecorder<State>(
  checkpointer: Checkpointer,
  run: { readonly pipelineName: string; readonly runId: string },
  onEvent: EventHandler<State> | undefined,
  base?: { readonly record: CheckpointRecord; readonly state: object },
): Recorder {
  const writer = crypto.randomUUID();
  let last = base?.record;
  // What a record of the Python framework holds is no encoded form: encode the state anew.
  let encoded: EncodedState = base === undefined || base.record.version === 0
    ? NO_STATE
    : { state: base.state, json: base.record.state };

  return {
    async save({ state, ...checkpoint }) {
      const next = encodingFor(() => label(run), () => encodeState(state, encoded));
      const [paused] = checkpoint.pendingEdges.flatMap(({ pause }) => pause ?? []);
      const record: CheckpointRecord = {
        version: RECORD_VERSION,
        ...run,
        ...checkpoint,
        sequence: last === undefined ? 0 : last.sequence + 1,
        state: next.json,
        paused: checkpoint.status === "paused",
        pauseReason: paused?.reason,
        writer,
        savedAt: new Date().toISOString(),
      };
      await saveRecord(checkpointer, record, last, onEvent);
      last = record;
      encoded = next;
    },
  };
}

async function saveRecord<State>(
  checkpointer: Checkpointer,
  record: CheckpointRecord,
  last: CheckpointRecord | undefined,
  onEvent: EventHandler<State> | undefined,
): Promise<void> {
  const started = performance.now();
  try {
    await checkpointer.save(record, last && changeBetween(last, record));
  } catch (cause) {
    if (cause instanceof CheckpointConflictError) throw cause;
    throw new CheckpointSaveError(record, record.sequence, last?.sequence ?? -1, { cause });
  }
  emit(onEvent, {
    type: "checkpointSaved",
    runId: record.runId,
    sequence: record.sequence,
    nodeId: record.nodeId,
    status: record.status,
    durationMs: performance.now() - started,
  });
}
