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
import { emit, type EventHandler, type RunEvent } from "./events.ts";

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
  const writer = newWriter();
  let last = base?.record;
  // What a record of the Python framework holds is no encoded form: encode the state anew.
  let encoded: EncodedState = base === undefined || base.record.version === 0
    ? NO_STATE
    : { state: base.state, json: base.record.state };

  return {
    async save(checkpoint) {
      const next = encodingFor(() => label(run), () => encodeState(checkpoint.state, encoded));
      const record: CheckpointRecord = {
        version: RECORD_VERSION,
        pipelineName: run.pipelineName,
        runId: run.runId,
        sequence: last === undefined ? 0 : last.sequence + 1,
        nodeId: checkpoint.nodeId,
        state: next.json,
        completedNodes: checkpoint.completedNodes,
        status: checkpoint.status,
        paused: checkpoint.status === "paused",
        pauseReason: checkpoint.pendingEdges.find(({ pause }) => pause !== undefined)?.pause
          ?.reason,
        tasks: checkpoint.tasks,
        pendingEdges: checkpoint.pendingEdges,
        steps: checkpoint.steps,
        failures: checkpoint.failures,
        resume: checkpoint.resume,
        writer,
        savedAt: new Date().toISOString(),
      };
      const started = onEvent === undefined ? 0 : performance.now();
      try {
        await checkpointer.save(record, last && changeBetween(last, record));
      } catch (cause) {
        if (cause instanceof CheckpointConflictError) throw cause;
        throw new CheckpointSaveError(run, record.sequence, last?.sequence ?? -1, { cause });
      }
      last = record;
      encoded = next;
      if (onEvent !== undefined) emit(onEvent, savedEvent(record, performance.now() - started));
    },
  };
}

/** 64 random bits: enough to tell the writers of one run apart, and short, as each record has one. */
function newWriter(): string {
  return Array.from(
    crypto.getRandomValues(new Uint32Array(2)),
    (half) => half.toString(16).padStart(8, "0"),
  ).join("");
}

function savedEvent<State>(record: CheckpointRecord, durationMs: number): RunEvent<State> {
  const { runId, sequence, nodeId, status } = record;
  return { type: "checkpointSaved", runId, sequence, nodeId, status, durationMs };
}
