/**
 * The run's own line to its checkpointer: builds each record, numbers it, hands along what changed.
 *
 * @module
 */

import { changeBetween } from "./change.ts";
import {
  type CheckpointChange,
  type CheckpointRecord,
  RECORD_VERSION,
} from "./checkpoint_record.ts";
import { CheckpointConflictError, type Checkpointer } from "./checkpointer.ts";
import { type Durability, makeWriteQueue } from "./durability.ts";
import { type EncodedState, encodeState, encodingFor, NO_STATE } from "./encoded_state.ts";
import { CheckpointSaveError, label, type RunName } from "./errors.ts";
import { emit, type EventHandler, type RunEvent } from "./events.ts";
import type { JsonObject } from "./json.ts";
import { answered, makePatient } from "./patience.ts";
import type { HistoryOption } from "./prune.ts";

/** What the engine says of a checkpoint; the recorder adds the rest. */
export type Checkpoint =
  & Pick<
    CheckpointRecord,
    | "nodeId"
    | "status"
    | "tasks"
    | "pendingEdges"
    | "steps"
    | "failures"
    | "attempts"
    | "resume"
    | "recoveries"
    | "forkedFrom"
  >
  & {
    readonly state: object;
    /** The node of every visit that finished: the list may grow later, and does not change otherwise. */
    readonly finished: readonly string[];
    /** How many did. */
    readonly finishedCount: number;
    /** Whether the worker lets go of the run with it. */
    readonly isReleased?: boolean;
  };

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
  /** Whether something was stored, and nothing since it was last asked. */
  isQuiet(): boolean;
  /** The run's latest checkpoint, whoever saved it. */
  latest(): Promise<CheckpointRecord | undefined>;
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
  /** What is kept of the run's past. */
  readonly history: HistoryOption;
  /** How long a worker that is not heard of is taken for alive, in milliseconds. */
  readonly leaseMs: number;
  /** Is told what was saved. */
  readonly onEvent: EventHandler<State> | undefined;
  /** Is told at once when a save fails while the run goes on. */
  readonly onFailure: (error: unknown) => void;
  /** When it aborts, a store that does not answer is given up after `leaseMs`. */
  readonly signal: AbortSignal;
  /** Version of the definition that the run is of. */
  readonly pipelineVersion: number | undefined;
  /** What the call goes on with; a new run has none. */
  readonly base?: RecorderBase;
}

/** What a call goes on with. */
export interface RecorderBase {
  /** The record. */
  readonly record: CheckpointRecord;
  /** The state that it stands for. */
  readonly state: object;
  /** The record as it is stored, where that was not up to date. */
  readonly stored?: CheckpointRecord;
}

/** Makes a recorder for one call: a new writer, which goes on after `base` or starts at 0. */
export function makeRecorder<State>(options: RecorderOptions<State>): Recorder {
  const { checkpointer, run, durability, base, onEvent, pipelineVersion = 1 } = options;
  const leaseMs = checkpointer.touch === undefined ? undefined : options.leaseMs;
  const writer = newWriter();
  const queue = makeWriteQueue(durability, options.onFailure);
  const version = pipelineVersion === 1 ? undefined : pipelineVersion;
  let last = base?.stored ?? base?.record;
  let [stored, seen] = [0, 0];
  let told = last?.completedNodes.length ?? 0;
  // What a record of the Python framework holds is no encoded form: encode the state anew.
  let encoded: EncodedState = base === undefined || base.record.version === 0
    ? NO_STATE
    : { state: base.state, json: base.record.state };

  const common = { ...run, pipelineVersion: version, writer, leaseMs };
  const patient = makePatient(options);

  const write = async (checkpoint: Checkpoint, state: JsonObject) => {
    const sequence = last === undefined ? 0 : last.sequence + 1;
    const record = makeRecord(common, sequence, checkpoint, state);
    const { finished, finishedCount } = checkpoint;
    const added = finished.slice(told, finishedCount);
    const started = onEvent && performance.now();
    try {
      await patient(checkpointer.save(record, last && changeSince(last, record, added, base)));
    } catch (cause) {
      throw saveError(run, record, last, cause);
    }
    [last, told] = [record, finishedCount];
    stored++;
    if (started !== undefined) emit(onEvent, savedEvent(record, performance.now() - started));
    if (options.history === "latest") await forgetPast(options, record);
  };

  return {
    writer,
    leaseMs,
    savesProgress: durability !== "exit",
    save(checkpoint) {
      try {
        encoded = encodingFor(() => label(run), () => encodeState(checkpoint.state, encoded));
      } catch (error) {
        return Promise.reject(error);
      }
      const { json } = encoded;
      return queue.add(() => write(checkpoint, json));
    },
    settled: () => queue.settled(),
    isQuiet() {
      const isQuiet = stored > 0 && stored === seen;
      seen = stored;
      return isQuiet;
    },
    latest: () => answered(checkpointer.loadLatest(run.pipelineName, run.runId), options),
    async touch() {
      const isOurs = await checkpointer.touch?.(run.pipelineName, run.runId, writer);
      if (isOurs !== false) return undefined;
      return new CheckpointConflictError({ ...run, sequence: (last?.sequence ?? -1) + 1 });
    },
  };
}

/** Checkpoints that are forgotten at a time, since each time costs a round trip. */
const FORGOTTEN_AT_ONCE = 32;

async function forgetPast<State>(
  { checkpointer, signal, leaseMs }: RecorderOptions<State>,
  { pipelineName, runId, sequence, status }: CheckpointRecord,
): Promise<void> {
  if (status === "running" && sequence % FORGOTTEN_AT_ONCE !== FORGOTTEN_AT_ONCE - 1) return;
  try {
    const trimming = checkpointer.trim?.(pipelineName, runId, sequence);
    if (trimming !== undefined) await answered(trimming, { signal, leaseMs });
  } catch {
    // What is left goes the next time: the run is stored, and that is what was promised.
  }
}

function makeRecord(
  { pipelineName, pipelineVersion, runId, writer, leaseMs }: Pick<
    CheckpointRecord,
    "pipelineName" | "pipelineVersion" | "runId" | "writer" | "leaseMs"
  >,
  sequence: number,
  checkpoint: Checkpoint,
  state: JsonObject,
): CheckpointRecord {
  const { nodeId, finished, finishedCount, status, tasks, pendingEdges, steps } = checkpoint;
  const isLong = finishedCount > COPIED_AT_ONCE;
  const record = {
    version: RECORD_VERSION,
    pipelineName,
    pipelineVersion,
    runId,
    sequence,
    nodeId,
    state,
    completedNodes: isLong ? NO_NODES : finished.slice(0, finishedCount),
    status,
    paused: status === "paused",
    pauseReason: pendingEdges.find(({ pause }) => pause !== undefined)?.pause?.reason,
    tasks,
    pendingEdges,
    steps,
    failures: checkpoint.failures,
    attempts: checkpoint.attempts,
    resume: checkpoint.resume,
    forkedFrom: checkpoint.forkedFrom,
    writer,
    savedAt: timeNow(),
    leaseMs: checkpoint.isReleased ? 0 : leaseMs,
    recoveries: checkpoint.recoveries,
  };
  return isLong ? withNodes(record, () => finished.slice(0, finishedCount)) : record;
}

/** So many finished visits are copied at once: to put it off would take as long. */
const COPIED_AT_ONCE = 256;
const NO_NODES: readonly string[] = [];

/** A record whose finished visits are listed when somebody looks: a store that keeps changes does not. */
function withNodes(record: CheckpointRecord, list: () => readonly string[]): CheckpointRecord {
  let nodes: readonly string[] | undefined;
  const get = () => nodes ??= list();
  return Object.defineProperty(record, "completedNodes", { get, enumerable: true });
}

/** The time in ISO 8601; several saves of one millisecond share the text. */
function timeNow(): string {
  const ms = Date.now();
  if (ms !== shown.ms) shown = { ms, text: new Date(ms).toISOString() };
  return shown.text;
}

let shown = { ms: NaN, text: "" };

function saveError(
  run: RunName,
  { sequence }: CheckpointRecord,
  last: CheckpointRecord | undefined,
  cause: unknown,
): CheckpointConflictError | CheckpointSaveError {
  if (cause instanceof CheckpointConflictError) return cause;
  return new CheckpointSaveError(run, sequence, last?.sequence ?? -1, { cause });
}

function changeSince(
  last: CheckpointRecord,
  record: CheckpointRecord,
  added: readonly string[],
  base: RecorderBase | undefined,
): CheckpointChange {
  const change = changeBetween(last, record, added);
  const isRenamed = last === base?.stored &&
    last.completedNodes !== base.record.completedNodes;
  if (!isRenamed) return change;
  return { ...change, completedNodes: record.completedNodes, replacesCompletedNodes: true };
}

/**
 * 64 random bits: enough to tell the writers of one run apart, and short, as each record has one. The
 * time is mixed in, since processes that were cloned from one draw the same random numbers.
 */
function newWriter(): string {
  const [first = 0, second = 0] = crypto.getRandomValues(new Uint32Array(2));
  const time = Date.now() ^ Math.round(performance.now() * 1_000);
  return [first, (second ^ time) >>> 0].map((half) => half.toString(16).padStart(8, "0")).join("");
}

function savedEvent<State>(record: CheckpointRecord, durationMs: number): RunEvent<State> {
  const { runId, sequence, nodeId, status } = record;
  return { type: "checkpointSaved", runId, sequence, nodeId, status, durationMs };
}
