/**
 * The options of a pipeline's calls.
 *
 * @module
 */

import type { ListRunsOptions } from "./checkpointer.ts";
import { refuseUnknownOptions } from "./known_options.ts";
import type { PruneOptions } from "./prune.ts";
import type { EventStreamOptions } from "./stream.ts";

/** Options of `invoke`. */
export interface InvokeOptions<Name extends string> {
  /** Id of the run; a random UUID by default. */
  readonly runId?: string;
  /** The node that runs first, instead of the definition's `start`. */
  readonly startAt?: Name;
  /**
   * Cancels the run: its nodes' signals abort, and the run stays resumable. A store that does not
   * answer is then given up after `leaseMs`, and the call rejects.
   */
  readonly signal?: AbortSignal;
}

/** Options of `resume`. */
export interface ResumeOptions<U> {
  /** Approves the pending pause. A paused run does not go on without it. */
  readonly approvePause?: boolean;
  /** Which pause is approved, where several are pending. */
  readonly pauseId?: string;
  /**
   * What comes with the approval: checked against the `answer` schema of the node that asked, and
   * handed to its edge and to the nodes that follow, in their contexts.
   */
  readonly answer?: unknown;
  /** Folded into the state through the reducers before the run goes on. */
  readonly update?: U;
  /** Who resumes, for the history. */
  readonly by?: string;
  /**
   * Takes the run from a worker whose lease is not over. That worker's nodes are told by their
   * signal when it is next heard of, and it can save nothing any more. Default `false`.
   */
  readonly takeOver?: boolean;
  /**
   * Cancels the run: its nodes' signals abort, and the run stays resumable. A store that does not
   * answer is then given up after `leaseMs`, and the call rejects.
   */
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

/** Options of `reject`. */
export interface RejectOptions {
  /** Which pause is rejected, where several are pending. */
  readonly pauseId?: string;
  /** Who rejects, for the history. */
  readonly by?: string;
  /** Why, for the history. */
  readonly reason?: string;
  /** Cancels the run where it goes on. */
  readonly signal?: AbortSignal;
}

/** Options of `fork`. */
export interface ForkOptions<U> {
  /** The checkpoint of the run at which the fork begins. */
  readonly sequence: number;
  /** Folded into the state through the reducers before the fork goes on. */
  readonly update?: U;
  /** Id of the new run; a random UUID by default. */
  readonly runId?: string;
  /** Who forks, for the history. */
  readonly by?: string;
  /** Cancels the new run: its nodes' signals abort, and it stays resumable. */
  readonly signal?: AbortSignal;
}

/** What `stream` runs: a new run, or the rest of a stored one. */
export type StreamRequest<Input, Name extends string, U> =
  & EventStreamOptions
  & (
    | ({ readonly input: Input; readonly resume?: undefined } & InvokeOptions<Name>)
    | ({ readonly resume: string; readonly input?: undefined } & ResumeOptions<U>)
  );

/** Options of `cancel`. */
export interface CancelOptions {
  /** Who cancels, for the history. */
  readonly by?: string;
}

const INVOKE = [
  "runId",
  "startAt",
  "signal",
] as const satisfies readonly (keyof InvokeOptions<"">)[];

const RESUME = [
  "approvePause",
  "pauseId",
  "answer",
  "update",
  "by",
  "takeOver",
  "signal",
] as const satisfies readonly (keyof ResumeOptions<unknown>)[];

const STREAM = [
  "onCancel",
  "highWaterMark",
] as const satisfies readonly (keyof EventStreamOptions)[];

/** What each call may be told, and what it does to whom. */
const CALLS = {
  invoke: ["start a run", INVOKE],
  resume: ["resume a run", RESUME],
  recover: [
    "recover runs",
    ["limit", "concurrency", "signal"] satisfies readonly (keyof RecoverOptions)[],
  ],
  reject: [
    "reject a pause",
    ["pauseId", "by", "reason", "signal"] satisfies readonly (keyof RejectOptions)[],
  ],
  fork: [
    "fork a run",
    [
      "sequence",
      "update",
      "runId",
      "by",
      "signal",
    ] satisfies readonly (keyof ForkOptions<unknown>)[],
  ],
  cancel: ["cancel a run", ["by"] satisfies readonly (keyof CancelOptions)[]],
  prune: [
    "prune runs",
    ["olderThanMs", "keepLast", "status"] satisfies readonly (keyof PruneOptions)[],
  ],
  listRuns: ["list runs", ["status", "limit"] satisfies readonly (keyof ListRunsOptions)[]],
  streamNew: ["stream a run", ["input", ...INVOKE, ...STREAM]],
  streamStored: ["stream a run", ["resume", ...RESUME, ...STREAM]],
} as const;

/**
 * Refuses what callers without a compiler may have misspelt: a `prune` that does not hear what is to
 * be kept, say.
 *
 * @throws {TypeError} Naming the first option that the call does not have, and those that it has.
 */
export function checkCall(call: keyof typeof CALLS, options: object, pipelineName: string): void {
  const [what, known] = CALLS[call];
  refuseUnknownOptions(options, known, `${what} of pipeline "${pipelineName}"`);
}
