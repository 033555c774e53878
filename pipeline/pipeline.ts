/**
 * The pipeline that a definition makes, and its calls.
 *
 * @module
 */

import { type Call, type Caller, resumeRun, startRun } from "./calls.ts";
import type { Checkpointer, ListRunsOptions, RunSummary } from "./checkpointer.ts";
import { checkDurability, type Durability } from "./durability.ts";
import type { PipelineDefinition, Reducers, Update } from "./definition.ts";
import { quoted, type RunName } from "./errors.ts";
import { type EventHandler, type RunEvent, type RunObserver, tellAll } from "./events.ts";
import { type HistoryEntry, historyEntry } from "./history.ts";
import { toMermaid } from "./mermaid.ts";
import { makePlan, type Plan } from "./plan.ts";
import { checkRange, refuseUnknownOptions } from "./planned_node.ts";
import { recoverRuns, type Recovery } from "./recover.ts";
import type { RunResult } from "./result.ts";
import {
  checkStreamRequest,
  type EventReader,
  eventStream,
  type EventStreamOptions,
} from "./stream.ts";
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
  /** Is told everything that happens; what it throws goes to the console. */
  readonly onEvent?: EventHandler<State>;
  /**
   * Makes a watcher for each call of `invoke`, `resume`, `stream` and `recover`, for what has to keep
   * something of a call, as tracing does.
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
  "onEvent",
  "observe",
] as const satisfies readonly (keyof PipelineOptions<unknown>)[];

/** Options of `invoke`. */
export interface InvokeOptions<Name extends string> {
  /** Id of the run; a random UUID by default. */
  readonly runId?: string;
  /** The node that runs first, instead of the definition's `start`. */
  readonly startAt?: Name;
  /** Cancels the run: its nodes' signals abort, and the run stays resumable. */
  readonly signal?: AbortSignal;
}

/** Options of `resume`. */
export interface ResumeOptions<U> {
  /** Approves the pending pause. A paused run does not go on without it. */
  readonly approvePause?: boolean;
  /** Which pause is approved, where several are pending. */
  readonly pauseId?: string;
  /** Folded into the state through the reducers before the run goes on. */
  readonly update?: U;
  /** Who resumes, for the history. */
  readonly by?: string;
  /**
   * Takes the run from a worker whose lease is not over. That worker's nodes are told by their
   * signal when it is next heard of, and it can save nothing any more. Default `false`.
   */
  readonly takeOver?: boolean;
  /** Cancels the run: its nodes' signals abort, and the run stays resumable. */
  readonly signal?: AbortSignal;
}

/** Options of `recover`. */
export interface RecoverOptions {
  /** Goes on with at most so many runs. Default: with all. */
  readonly limit?: number;
  /** Runs that are worked on side by side. Default 4. */
  readonly concurrency?: number;
  /** Begins no other run, and cancels those that are worked on. */
  readonly signal?: AbortSignal;
}

/** What `stream` runs: a new run, or the rest of a stored one. */
export type StreamRequest<Input, Name extends string, U> =
  & EventStreamOptions
  & (
    | ({ readonly input: Input; readonly resume?: undefined } & InvokeOptions<Name>)
    | ({ readonly resume: string; readonly input?: undefined } & ResumeOptions<U>)
  );

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
   * @throws {CheckpointSaveError} If a checkpoint could not be stored.
   * @throws {CheckpointConflictError} If another worker went on with the run.
   */
  invoke(input: Input, options?: InvokeOptions<Name>): Promise<RunResult<State>>;

  /**
   * Goes on with a stored run: after a pause, a failure, a cancellation or a crash. What finished
   * does not run again. A completed run comes back with its result.
   *
   * @throws {TypeError} If the pipeline has no checkpointer.
   * @throws {RunNotFoundError} If there is no such run.
   * @throws {RunActiveError} If a worker is at the run, and the call does not take over.
   * @throws {RunPausedError} If the run is paused and the call does not approve.
   * @throws {StalePauseError} If what the call approves does not wait for an approval.
   * @throws {UnknownNodeError} If the next task names a node that the pipeline does not have.
   * @throws {CheckpointSaveError} If a checkpoint could not be stored.
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
   */
  recover(options?: RecoverOptions): Promise<readonly Recovery<State>[]>;

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

  /** Yields the stored runs of this pipeline, the one saved last first. */
  listRuns(options?: ListRunsOptions): AsyncIterable<RunSummary>;

  /** Removes all that is stored of a run; removing an unknown run is no error. */
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
 * @throws {TypeError} If a name is empty, a node is missing, an edge leads nowhere, or
 * `durability` is unknown.
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
    { limit = Infinity, concurrency = 4, signal }: RecoverOptions = {},
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

  return {
    name,
    recover,
    // deno-lint-ignore require-await -- misuse rejects, as every other error does
    invoke: async (input, invokeOptions = {}) => invoke(input, invokeOptions),
    // deno-lint-ignore require-await -- misuse rejects, as every other error does
    resume: async (runId, resumeOptions = {}) => resume(runId, resumeOptions),
    stream({ signal, ...request }) {
      checkStreamRequest(request, name);
      return eventStream<State>((reader, cancelled) => {
        const both = {
          ...request,
          signal: signal === undefined ? cancelled : AbortSignal.any([signal, cancelled]),
        };
        return both.resume === undefined
          ? invoke(both.input, both, reader)
          : resume(both.resume, both, reader);
      }, request);
    },
    async *history(runId) {
      for await (const record of store(caller, "read a history").history(name, runId)) {
        yield historyEntry<State>(record);
      }
    },
    listRuns: (listOptions) => store(caller, "list runs").listRuns(name, listOptions),
    deleteRun: async (runId) => await store(caller, "delete a run").deleteRun(name, runId),
    toMermaid: () => toMermaid(topologyOf(plan)),
    toJSON: () => topologyOf(plan),
  };
}

function makeCaller<State extends object>(
  plan: Plan<State>,
  options: PipelineOptions<State>,
): Caller<State> {
  const { checkpointer, recursionLimit = 25, concurrency = 64, durability = "sync" } = options;
  const { leaseMs = 30_000, maxRecoveries = 5 } = options;
  refuseUnknownOptions(options, OPTIONS, `pipeline "${plan.name}"`);
  const { onEvent, observe } = options;
  for (const [option, value] of Object.entries({ onEvent, observe })) {
    if (value === undefined || typeof value === "function") continue;
    throw new TypeError(`Cannot define pipeline "${plan.name}": ${option} must be a function`);
  }
  checkRange(recursionLimit, 1, `recursionLimit of pipeline "${plan.name}"`);
  checkRange(concurrency, 1, `concurrency of pipeline "${plan.name}"`);
  checkDurability(durability, plan.name);
  checkRange(leaseMs, 1, `leaseMs of pipeline "${plan.name}"`);
  checkRange(maxRecoveries, 0, `maxRecoveries of pipeline "${plan.name}"`);
  return { plan, checkpointer, recursionLimit, concurrency, durability, leaseMs };
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
