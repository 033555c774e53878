/**
 * The pipeline that a definition makes, and its calls.
 *
 * @module
 */

import { rejectPause } from "./approval.ts";
import {
  type CancelOptions,
  checkCall,
  type ForkOptions,
  type InvokeOptions,
  type RecoverOptions,
  type RejectOptions,
  type ResumeOptions,
  type StreamRequest,
} from "./call_options.ts";
import { type Call, type Caller, resumeRun, startRun } from "./calls.ts";
import { cancelRun } from "./cancel.ts";
import type { Checkpointer, ListRunsOptions, RunStatus, RunSummary } from "./checkpointer.ts";
import { checkDurability, type Durability } from "./durability.ts";
import type { PipelineDefinition, Reducers, Update } from "./definition.ts";
import { type PendingPause, quoted, type RunName } from "./errors.ts";
import { type EventHandler, type RunEvent, type RunObserver, tellAll } from "./events.ts";
import { deleteRun } from "./delete.ts";
import { forkRun } from "./fork.ts";
import { historyEntries, type HistoryEntry } from "./history.ts";
import { toMermaid } from "./mermaid.ts";
import { noteInner } from "./inner.ts";
import { makePlan, type Plan } from "./plan.ts";
import { refuseUnknownOptions } from "./known_options.ts";
import { checkRange } from "./planned_node.ts";
import { recoverRuns, type Recovery } from "./recover.ts";
import {
  checkHistory,
  type HistoryOption,
  type PruneOptions,
  type PruneResult,
  pruneRuns,
} from "./prune.ts";
import type { RunResult } from "./result.ts";
import { pendingPause } from "./run.ts";
import { checkStreamRequest, type EventReader, eventStream } from "./stream.ts";
import { type Topology, topologyOf } from "./topology.ts";

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

const OPTIONS = [
  "checkpointer",
  "recursionLimit",
  "concurrency",
  "durability",
  "leaseMs",
  "maxRecoveries",
  "history",
  "onEvent",
  "observe",
] as const satisfies readonly (keyof PipelineOptions<unknown>)[];

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

/**
 * Defines a pipeline: nodes over one typed state, and the edges between them. Everything is
 * checked here, before anything runs.
 *
 * @example
 * ```ts
 * import { append, definePipeline, END, unchecked } from "@firefly/pipeline";
 * import { assertEquals } from "@std/assert";
 *
 * interface Draft {
 *   text: string;
 *   log: string[];
 * }
 *
 * const drafts = definePipeline({
 *   name: "drafts",
 *   state: unchecked<Draft>(),
 *   reducers: { log: append },
 *   nodes: {
 *     write: (state) => ({ text: state.text + "!", log: "written" }),
 *     check: (state) => ({ log: `${state.text.length} characters` }),
 *   },
 *   start: "write",
 *   edges: {
 *     write: "check",
 *     check: { route: (state) => state.text.length < 5 ? "more" : "enough", to: { more: "write", enough: END } },
 *   },
 * });
 *
 * const result = await drafts.invoke({ text: "abc" });
 * assertEquals(result.state.text, "abc!!");
 * ```
 *
 * @throws {TypeError} If a name is empty, a node is missing, an edge leads nowhere, a migration is
 * missing, or `durability` is unknown.
 * @throws {RangeError} If an option is out of its range.
 */
export function definePipeline<
  Input,
  State extends object,
  R extends Reducers<State>,
  Name extends string,
  To extends { readonly [Key in Name]: unknown },
  Reduced extends keyof State = never,
>(
  definition: PipelineDefinition<Input, State, R, Reduced, Name, To>,
  options: PipelineOptions<State> = {},
): Pipeline<Input, State, Update<State, R, Reduced>, Name> {
  const plan = makePlan(definition);
  const { name } = plan;
  const caller = makeCaller(plan, options);
  type Result = RunResult<State>;

  function makeCall(signal?: AbortSignal, reader?: EventReader<State>): Call<State> {
    const observer = options.observe?.(name);
    return {
      signal,
      onEvent: tellAll([options.onEvent, observer?.onEvent, reader?.onEvent]),
      flow: reader?.flow,
      aroundNode: observer?.aroundNode,
    };
  }

  function invoke(
    input: Input,
    { runId = crypto.randomUUID(), startAt, signal }: InvokeOptions<Name>,
    reader?: EventReader<State>,
  ): Promise<Result> {
    const run = runName(name, runId, "start");
    const first = startAt ?? plan.start;
    if (!plan.nodes.has(first)) {
      throw new TypeError(
        `Cannot start run "${runId}" of pipeline "${name}": startAt is "${first}", which is no node; ` +
          `the nodes are ${quoted(plan.nodes.keys())}`,
      );
    }
    return startRun(caller, input, run, first, makeCall(signal, reader));
  }

  function resume(
    runId: string,
    { signal, ...request }: ResumeOptions<Update<State, R, Reduced>>,
    reader?: EventReader<State>,
  ): Promise<Result> {
    const run = runName(name, runId, "resume");
    const checkpointer = store(caller, "resume a run");
    return resumeRun(caller, checkpointer, run, request, makeCall(signal, reader));
  }

  async function recover(
    { limit = Infinity, concurrency = 4, signal }: RecoverOptions,
  ): Promise<readonly Recovery<State>[]> {
    const checkpointer = store(caller, "recover runs");
    if (checkpointer.touch === undefined) {
      throw new TypeError(
        `Cannot recover runs of pipeline "${name}": its checkpointer has no touch, so that nobody ` +
          "can tell whose workers are dead; resume them one by one",
      );
    }
    checkRange(limit, 0, `limit of recover of pipeline "${name}"`);
    checkRange(concurrency, 1, `concurrency of recover of pipeline "${name}"`);
    const { maxRecoveries = 5 } = options;
    const request = { limit, concurrency, maxRecoveries };
    return await recoverRuns(caller, checkpointer, request, makeCall(signal));
  }

  async function fork(
    runId: string,
    { runId: newId = crypto.randomUUID(), signal, ...request }: ForkOptions<
      Update<State, R, Reduced>
    >,
  ): Promise<Result> {
    const run = runName(name, runId, "fork");
    const target = runName(name, newId, "fork to");
    return await forkRun(caller, store(caller, "fork a run"), run, {
      ...request,
      runId: target.runId,
    }, makeCall(signal));
  }

  const pipeline: Pipeline<Input, State, Update<State, R, Reduced>, Name> = {
    name,
    recover: (recoverOptions = {}) =>
      tracked(caller, "recover runs", () => {
        checkCall("recover", recoverOptions, name);
        return recover(recoverOptions);
      }),
    fork: (runId, forkOptions) =>
      tracked(caller, "fork a run", () => {
        checkCall("fork", forkOptions, name);
        return fork(runId, forkOptions);
      }),
    reject: (runId, rejectOptions = {}) =>
      tracked(caller, "reject a pause", async () => {
        checkCall("reject", rejectOptions, name);
        const { signal, ...request } = rejectOptions;
        const run = runName(name, runId, "reject a pause of");
        const checkpointer = store(caller, "reject a pause");
        return await rejectPause(caller, checkpointer, run, request, makeCall(signal));
      }),
    async cancel(runId, cancelOptions = {}) {
      checkCall("cancel", cancelOptions, name);
      return await cancelRun(
        caller,
        store(caller, "cancel a run"),
        runName(name, runId, "cancel"),
        cancelOptions.by,
      );
    },
    async drain() {
      caller.drained.abort();
      while (caller.active.size > 0) await Promise.allSettled(caller.active);
    },
    invoke: (input, invokeOptions = {}) =>
      tracked(caller, "start a run", () => {
        checkCall("invoke", invokeOptions, name);
        return invoke(input, invokeOptions);
      }),
    resume: (runId, resumeOptions = {}) =>
      tracked(caller, "resume a run", () => {
        checkCall("resume", resumeOptions, name);
        return resume(runId, resumeOptions);
      }),
    stream({ signal, ...request }) {
      checkStreamRequest(request, name);
      checkCall(request.resume === undefined ? "streamNew" : "streamStored", request, name);
      return eventStream<State>((reader, cancelled) => {
        const both = {
          ...request,
          signal: signal === undefined ? cancelled : AbortSignal.any([signal, cancelled]),
        };
        return tracked(
          caller,
          "stream a run",
          () =>
            both.resume === undefined
              ? invoke(both.input, both, reader)
              : resume(both.resume, both, reader),
        );
      }, request);
    },
    async *history(runId) {
      yield* historyEntries<State>(store(caller, "read a history").history(name, runId));
    },
    async *listRuns(listOptions = {}) {
      checkCall("listRuns", listOptions, name);
      for await (const run of store(caller, "list runs").listRuns(name, listOptions)) {
        yield { ...run, pauses: run.pauses.map((pause) => pendingPause(pause, pause.node)) };
      }
    },
    async prune(pruneOptions) {
      checkCall("prune", pruneOptions, name);
      return await pruneRuns(caller, store(caller, "prune runs"), pruneOptions);
    },
    async deleteRun(runId) {
      await deleteRun(plan, store(caller, "delete a run"), { pipelineName: name, runId });
    },
    toMermaid: () => toMermaid(topologyOf(plan)),
    toJSON: () => topologyOf(plan),
  };
  noteInner(pipeline, { caller, makeCall });
  return pipeline;
}

function makeCaller<State extends object>(
  plan: Plan<State>,
  options: PipelineOptions<State>,
): Caller<State> {
  const { checkpointer, recursionLimit = 25, concurrency = 64, durability = "sync" } = options;
  const { leaseMs = 30_000, maxRecoveries = 5, history = "all" } = options;
  refuseUnknownOptions(options, OPTIONS, `define pipeline "${plan.name}"`);
  const { onEvent, observe } = options;
  for (const [option, value] of Object.entries({ onEvent, observe })) {
    if (value === undefined || typeof value === "function") continue;
    throw new TypeError(`Cannot define pipeline "${plan.name}": ${option} must be a function`);
  }
  checkRange(recursionLimit, 1, `recursionLimit of pipeline "${plan.name}"`);
  checkRange(concurrency, 1, `concurrency of pipeline "${plan.name}"`);
  checkDurability(durability, plan.name);
  checkHistory(history, checkpointer, plan.name);
  checkRange(leaseMs, 1, `leaseMs of pipeline "${plan.name}"`);
  checkRange(maxRecoveries, 0, `maxRecoveries of pipeline "${plan.name}"`);
  const [drained, active] = [new AbortController(), new Set<Promise<unknown>>()];
  const limits = { recursionLimit, concurrency };
  return { plan, checkpointer, ...limits, durability, history, leaseMs, drained, active };
}

/** Does a call, which `drain` waits for; misuse rejects, as every other error does. */
async function tracked<State extends object, T>(
  { plan, drained, active }: Caller<State>,
  what: string,
  call: () => Promise<T>,
): Promise<T> {
  if (drained.signal.aborted) {
    throw new TypeError(
      `Cannot ${what} of pipeline "${plan.name}": this process was told to drain it; use another one`,
    );
  }
  const calling = call();
  active.add(calling);
  try {
    return await calling;
  } finally {
    active.delete(calling);
  }
}

function store<State extends object>(
  { plan, checkpointer }: Caller<State>,
  what: string,
): Checkpointer {
  if (checkpointer !== undefined) return checkpointer;
  throw new TypeError(
    `Cannot ${what} of pipeline "${plan.name}": it has no checkpointer; pass one in the options ` +
      "of definePipeline",
  );
}

function runName(pipelineName: string, runId: string, verb: string): RunName {
  if (typeof runId === "string" && runId !== "") return { pipelineName, runId };
  throw new TypeError(
    `Cannot ${verb} a run of pipeline "${pipelineName}": its id must be a non-empty string`,
  );
}
