/**
 * What a call of a pipeline comes back with.
 *
 * @module
 */

import type { PendingPause } from "./errors.ts";

/** One task that failed. */
export interface TaskFailure {
  /** The node that threw, or whose edge or update could not be used. */
  readonly node: string;
  /** Which visit of the node it was. */
  readonly visit: number;
  /** What was thrown. */
  readonly error: unknown;
}

/** Where a run stands when a call comes back, told apart by `status`. */
export type RunResult<State> =
  & {
    /** Id of the run: what `resume` takes. */
    readonly runId: string;
    /** The state, all finished steps folded in. */
    readonly state: Readonly<State>;
    /** The node of every finished visit over the whole life of the run. */
    readonly completedNodes: readonly string[];
  }
  & (
    | { readonly status: "completed" }
    | {
      readonly status: "paused";
      /** What waits for an approval. */
      readonly pauses: readonly PendingPause[];
    }
    | {
      readonly status: "failed";
      /** The first node that failed, in task order. */
      readonly failedNode: string;
      /** What that node threw. */
      readonly error: unknown;
      /** All that failed in the step, the first one included. */
      readonly failures: readonly TaskFailure[];
    }
    | { readonly status: "cancelled" }
    /** The worker let go of the run, which is stored as running: another one goes on with it. */
    | { readonly status: "drained" }
  );
