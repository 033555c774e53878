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
import { type Durability, makeWriteQueue } from "./durability.ts";
import { type EncodedState, encodeState, encodingFor, NO_STATE } from "./encoded_state.ts";
import { CheckpointSaveError, label, type RunName } from "./errors.ts";
import { emit, type EventHandler, type RunEvent } from "./events.ts";
import type { JsonObject } from "./json.ts";

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
    | "attempts"
    | "resume"
    | "recoveries"
  >
  & { readonly state: object };

/** Saves the checkpoints of one run, one after the other. */
export interface Recorder {
  /** Id of the call. */
  readonly writer: string;
  /** How long the call's lease lasts, in milliseconds; `undefined` where the store keeps none. */
  readonly leaseMs: number | undefined;
  /** Whether the tasks of a step are to be saved as they finish. */
  readonly savesProgress: boolean;
  /**
   * Takes the next checkpoint, and resolves when the run may go on: it is then stored, or the one
   * before it is, or it waits for `settled`, as the durability says.
   *
   * @throws {StateSerializationError} If the state has no stored form; nothing was taken.
   * @throws {CheckpointConflictError} If another writer went on with the run.
   * @throws {CheckpointSaveError} If the store failed.
   */
  save(checkpoint: Checkpoint): Promise<void>;
  /** Resolves when all checkpoints are stored; the errors are those of `save`. */
  settled(): Promise<void>;
  /** Whether something was stored, and nothing since for so many milliseconds. */
  isQuietFor(ms: number): boolean;
  /** Tells the store that the worker is alive; the conflict, if the run is another worker's. */
  touch(): Promise<CheckpointConflictError | undefined>;
}

/** What a recorder works for. */
export interface RecorderOptions<State> {
  /** Where it saves. */
  readonly checkpointer: Checkpointer;
  /** The run whose checkpoints it saves. */
  readonly run: RunName;
  /** How far the run may get ahead of it. */
  readonly durability: Durability;
  /** How long a worker that is not heard of is taken for alive, in milliseconds. */
  readonly leaseMs: number;
  /** Is told what was saved. */
  readonly onEvent: EventHandler<State> | undefined;
  /** Is told at once when a save fails while the run goes on. */
  readonly onFailure: (error: unknown) => void;
  /** The record that was loaded, and the state it stands for; a new run has none. */
  readonly base?: { readonly record: CheckpointRecord; readonly state: object };
}

/** Makes a recorder for one call: a new writer, which goes on after `base` or starts at 0. */
export function makeRecorder<State>(options: RecorderOptions<State>): Recorder {
  const { checkpointer, run, durability, base } = options;
  const leaseMs = checkpointer.touch === undefined ? undefined : options.leaseMs;
  const writer = newWriter();
  const queue = makeWriteQueue(durability, options.onFailure);
  let last = base?.record;
  let storedAt = Infinity;
  // What a record of the Python framework holds is no encoded form: encode the state anew.
  let encoded: EncodedState = base === undefined || base.record.version === 0
    ? NO_STATE
    : { state: base.state, json: base.record.state };

  const write = async (checkpoint: Checkpoint, state: JsonObject) => {
    const sequence = last === undefined ? 0 : last.sequence + 1;
    const record = makeRecord(run, sequence, { writer, leaseMs }, checkpoint, state);
    await store(options, record, last);
    last = record;
    storedAt = performance.now();
  };

  return {
    writer,
    leaseMs,
    savesProgress: durability !== "exit",
    async save(checkpoint) {
      encoded = encodingFor(() => label(run), () => encodeState(checkpoint.state, encoded));
      const { json } = encoded;
      await queue.add(() => write(checkpoint, json));
    },
    settled: () => queue.settled(),
    isQuietFor: (ms) => performance.now() - storedAt >= ms,
    async touch() {
      const isOurs = await checkpointer.touch?.(run.pipelineName, run.runId, writer);
      if (isOurs !== false) return undefined;
      return new CheckpointConflictError({ ...run, sequence: (last?.sequence ?? -1) + 1 });
    },
  };
}

function makeRecord(
  { pipelineName, runId }: RunName,
  sequence: number,
  call: Pick<Recorder, "writer" | "leaseMs">,
  checkpoint: Checkpoint,
  state: JsonObject,
): CheckpointRecord {
  const { nodeId, completedNodes, status, tasks, pendingEdges, steps, failures } = checkpoint;
  return {
    version: RECORD_VERSION,
    pipelineName,
    runId,
    sequence,
    nodeId,
    state,
    completedNodes,
    status,
    paused: status === "paused",
    pauseReason: pendingEdges.find(({ pause }) => pause !== undefined)?.pause?.reason,
    tasks,
    pendingEdges,
    steps,
    failures,
    attempts: checkpoint.attempts,
    resume: checkpoint.resume,
    writer: call.writer,
    savedAt: new Date().toISOString(),
    leaseMs: call.leaseMs,
    recoveries: checkpoint.recoveries,
  };
}

async function store<State>(
  { checkpointer, run, onEvent }: RecorderOptions<State>,
  record: CheckpointRecord,
  last: CheckpointRecord | undefined,
): Promise<void> {
  const started = onEvent === undefined ? 0 : performance.now();
  try {
    await checkpointer.save(record, last && changeBetween(last, record));
  } catch (cause) {
    if (cause instanceof CheckpointConflictError) throw cause;
    throw new CheckpointSaveError(run, record.sequence, last?.sequence ?? -1, { cause });
  }
  if (onEvent !== undefined) emit(onEvent, savedEvent(record, performance.now() - started));
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
