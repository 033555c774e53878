/**
 * A pipeline: its options, and what it can be asked to do.
 *
 * @module
 */

import type {
  CancelOptions,
  ForkOptions,
  InvokeOptions,
  RecoverOptions,
  RejectOptions,
  ResumeOptions,
  StreamRequest,
} from "./call_options.ts";
import type { RunStatus } from "./checkpoint_record.ts";
import type { Checkpointer, ListRunsOptions, RunSummary } from "./checkpointer.ts";
import type { Durability } from "./durability.ts";
import type { PendingPause } from "./errors.ts";
import type { EventHandler, RunEvent, RunObserver } from "./events.ts";
import type { HistoryEntry } from "./history.ts";
import type { HistoryOption, PruneOptions, PruneResult } from "./prune.ts";
import type { Recovery } from "./recover.ts";
import type { RunResult } from "./result.ts";
import type { Topology } from "./topology.ts";

/** Options of a pipeline. */
export interface PipelineOptions<State> {
  /** Where runs are kept. Without one, a run lives and dies with its call. */
  readonly checkpointer?: Checkpointer;
  /** Steps that a run may take over its whole life, resumes included. Default 25. */
  readonly recursionLimit?: number;
  /** Tasks of a step that run side by side. Default 64. */
  readonly concurrency?: number;
  /** What a run waits for, and so what a crash can lose. Default `"sync"`: nothing. */
  readonly durability?: Durability;
  /**
   * For how many milliseconds a run's worker is taken for alive after it was last heard of; it is
   * heard of at least three times in that time, however long a node takes. Default 30,000. Not kept
   * where the checkpointer has no `touch`.
   */
  readonly leaseMs?: number;
  /** Workers that may die in a row in one step of a run before `recover` gives it up. Default 5. */
  readonly maxRecoveries?: number;
  /**
   * What is kept of a run's past: `"all"` (the default), or only the latest checkpoint and some before
   * it, which go as the run goes on.
   */
  readonly history?: HistoryOption;
  /** Is told everything that happens; what it throws goes to the console. */
  readonly onEvent?: EventHandler<State>;
  /**
   * Makes a watcher for each call that runs nodes, and for each run inside of another pipeline's node,
   * for what has to keep something of a call, as tracing does.
   */
  readonly observe?: (pipelineName: string) => RunObserver<State>;
}

/** One run, as `listRuns` of a pipeline tells it. */
export interface ListedRun extends Omit<RunSummary, "pauses"> {
  /** What waits for an approval. */
  readonly pauses: readonly PendingPause[];
}

/** A pipeline, ready to run. */
export interface Pipeline<Input, State, U, Name extends string> {
  /** Name of the pipeline. */
  readonly name: string;

  /**
   * Starts a run and takes its steps until it completes, pauses, fails or is cancelled. What a
   * node throws is in the result.
   *
   * @throws {InputValidationError} If the schema refuses the input; nothing was saved.
   * @throws {StateSerializationError} If the input has no stored form; nothing was saved.
   * @throws {RunExistsError} If there is a run with this id.
   * @throws {CheckpointSaveError} If a checkpoint could not be stored: the store failed, or the
   * signal aborted and it did not answer within `leaseMs`. It may be stored all the same.
   * @throws {CheckpointConflictError} If another worker went on with the run.
   */
  invoke(input: Input, options?: InvokeOptions<Name>): Promise<RunResult<State>>;

  /**
   * Goes on with a stored run: after a pause, a failure, a cancellation or a crash. What finished
   * does not run again. A completed run comes back with its result.
   *
   * @throws {TypeError} If the pipeline has no checkpointer.
   * @throws {RunNotFoundError} If there is no such run.
   * @throws {CheckpointLoadError} If the run could not be loaded: the store failed, or the signal
   * aborted and it did not answer within `leaseMs`.
   * @throws {RecordVersionError} If a newer version of this package stored the run.
   * @throws {RunActiveError} If a worker is at the run, and the call does not take over.
   * @throws {RunPausedError} If the run is paused and the call does not approve.
   * @throws {StalePauseError} If what the call approves does not wait for an approval.
   * @throws {PauseExpiredError} If the time in which it could be approved is over.
   * @throws {AnswerValidationError} If the answer is not of the shape that the node asks for.
   * @throws {UnknownNodeError} If the next task names a node that the pipeline does not have.
   * @throws {PipelineVersionError} If a newer version of the pipeline stored the run.
   * @throws {MigrationError} If what an older version stored cannot be migrated.
   * @throws {CheckpointSaveError} If a checkpoint could not be stored, as with `invoke`.
   * @throws {CheckpointConflictError} If another worker went on with the run.
   */
  resume(runId: string, options?: ResumeOptions<U>): Promise<RunResult<State>>;

  /**
   * Goes on with the runs whose workers died: those that say `running` and of whose worker nothing
   * was heard for the time of its lease. Any number of workers may call it at any time, each run is
   * claimed once. Comes back when the runs that it claimed have ended, with what came of each; runs
   * that are paused, failed, cancelled or completed are left alone.
   *
   * @throws {TypeError} If the pipeline has no checkpointer, or it keeps no leases.
   * @throws {Error} What the checkpointer throws if it cannot list the runs.
   */
  recover(options?: RecoverOptions): Promise<readonly Recovery<State>[]>;

  /**
   * Starts a new run at a checkpoint of another one, with its state, its tasks that came next and its
   * pending pauses, and takes its steps. The other run stays as it is; where the new one came from is
   * in its history. Effects of its nodes are new ones: their task ids name the new run.
   *
   * @throws {TypeError} If the pipeline has no checkpointer.
   * @throws {RunNotFoundError} If there is no such run.
   * @throws {RangeError} If the run has no such checkpoint.
   * @throws {RunExistsError} If there is a run with the new id.
   * @throws {UnknownNodeError} If what comes next names a node that the pipeline does not have.
   * @throws {PipelineVersionError} If a newer version of the pipeline stored the checkpoint.
   * @throws {MigrationError} If what an older version stored cannot be migrated.
   */
  fork(runId: string, options: ForkOptions<U>): Promise<RunResult<State>>;

  /**
   * Rejects a pending pause: the run goes on at the `rejected` target of its node's edge, or is
   * cancelled where the edge declares none. Who rejected, when and why is in the history. A pause that
   * re-enters its node does so, and the node says what follows.
   *
   * @throws {RunNotFoundError} If there is no such run.
   * @throws {RunPausedError} If several pauses are pending and the call does not say which.
   * @throws {StalePauseError} If the pause is not pending, or not any more.
   * @throws {CheckpointLoadError} If the run could not be loaded.
   * @throws {CheckpointSaveError} If a checkpoint could not be stored.
   * @throws {CheckpointConflictError} If somebody else went on with the run.
   */
  reject(runId: string, options?: RejectOptions): Promise<RunResult<State>>;

  /**
   * Cancels a run, whichever process is at it: that one is told at its next heartbeat or save, its
   * nodes by their signal, and its call comes back as `cancelled`. The run stays resumable.
   *
   * @returns `"cancelled"`, or `"completed"` if the run was so already.
   * @throws {RunNotFoundError} If there is no such run.
   * @throws {CheckpointLoadError} If the run could not be loaded.
   * @throws {CheckpointSaveError} If that could not be stored.
   */
  cancel(runId: string, options?: CancelOptions): Promise<RunStatus>;

  /**
   * Lets go of the runs of this process, for a shutdown: the steps in flight finish and are stored,
   * no other one begins, and every call comes back, as `drained` where its run is not at its end.
   * Neither the next attempt of a task that failed nor the reader of a stream is waited for. Such
   * runs are stored as running with their lease over, so that any `recover` goes on with them.
   * Calls made later are refused. Resolves when no call is under way any more.
   */
  drain(): Promise<void>;

  /**
   * Does what `invoke` or `resume` does, and streams what happens. The last event is `runEnded` with
   * the result; what the call throws is the stream's error, after everything that happened before.
   *
   * No event is lost and none is out of order, however slow the reader is: while more events than
   * the `highWaterMark` wait for it, the run begins no step, and no other task of a fan-out. Tasks
   * that run go on, what they bring is stored, and a run whose last step is done ends. A stream that
   * nobody reads or cancels holds its run back for ever: `resultOf` reads it for who only wants the
   * result.
   *
   * Cancelling the stream cancels the run, or lets it go on without a reader, as `onCancel` says.
   *
   * @throws {TypeError} If the request names neither an input nor a run to resume, or both, or
   * `onCancel` is unknown.
   * @throws {RangeError} If `highWaterMark` is out of its range.
   */
  stream(request: StreamRequest<Input, Name, U>): ReadableStream<RunEvent<State>>;

  /** Yields the stored checkpoints of a run, newest first. */
  history(runId: string): AsyncIterable<HistoryEntry<State>>;

  /** Yields the stored runs of this pipeline, the one saved last first, with what waits and for what. */
  listRuns(options?: ListRunsOptions): AsyncIterable<ListedRun>;

  /**
   * Removes runs that have ended, or the older part of their history. Runs that are at work or wait
   * for a person are never touched, nor is what the latest checkpoint of a run needs.
   *
   * @throws {TypeError} If neither `olderThanMs` nor `keepLast` is given, or a status cannot be pruned.
   * @throws {RangeError} If a time or a number is negative.
   */
  prune(options: PruneOptions): Promise<PruneResult>;

  /**
   * Removes all that is stored of a run, and of the runs of sub-pipelines that its tasks held; removing
   * an unknown run is no error.
   */
  deleteRun(runId: string): Promise<void>;

  /** The chart of the pipeline in Mermaid's language. */
  toMermaid(): string;

  /** The topology as plain data: what `JSON.stringify` shows of a pipeline. */
  toJSON(): Topology;
}
