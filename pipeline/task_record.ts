/**
 * What a checkpoint tells of the visits of its step: what waits, what came of it, what failed.
 *
 * @module
 */

import type { Json, JsonObject } from "./json.ts";

/** Something that was thrown, as plain data. */
export interface ErrorRecord {
  /** Class name of the error, or the type of a thrown value that is no error. */
  readonly name: string;
  /** What the error says. */
  readonly message: string;
  /** Where it was thrown, if that is known. */
  readonly stack?: string;
}

/** One visit of one node that belongs to the step to be run. */
export type TaskRecord =
  & {
    /** The node that runs. */
    readonly node: string;
    /** 1 for the node's first visit in this run, 2 for the next one. */
    readonly visit: number;
    /** The node's name when the task was made, where it was renamed since: its task id keeps it. */
    readonly begunAs?: string;
    /** The encoded payload of a `send`; absent for tasks that an edge named. */
    readonly payload?: JsonObject;
    /** The encoded answer that came with the approval which led to it. */
    readonly answer?: Json;
    /** What failed, where the node is the `onError` of it. */
    readonly failures?: readonly FailureRecord[];
    /**
     * The number of the last attempt that ended: it failed and another one follows, or it was not
     * the first one.
     */
    readonly attempt?: number;
  }
  & (
    | {
      readonly status: "pending";
      /** The answer to its pause that sent it back into its node. */
      readonly reentry?: ReentryRecord;
      /** When the next attempt is due by the writer's clock, ISO 8601 in UTC. */
      readonly retryAt?: string;
    }
    | {
      readonly status: "finished";
      /** The encoded update, not yet folded into the state. */
      readonly update: JsonObject;
      /** Whether the node ended as rejected. */
      readonly rejected?: boolean;
    }
    | {
      readonly status: "paused";
      /** What the node wants to be approved. */
      readonly reason: string;
      /** What else it said of that. */
      readonly pause?: PauseDetails;
      /** Set if the pause re-enters its node: 1 where it was the first entry that paused. */
      readonly entry?: number;
    }
    | {
      /** It failed, and the run goes on at its node's `onError`. */
      readonly status: "failed";
      /** What was thrown. */
      readonly error: ErrorRecord;
    }
  );

/** The answer to a pause that re-enters its node. */
export interface ReentryRecord {
  /** Which entry into the node it leads to: 2 after the first pause. */
  readonly entry: number;
  /** The pause that was answered. */
  readonly pause: PauseRecord;
  /** Whether it was rejected; approved if absent. */
  readonly rejected?: boolean;
  /** Time of the answer, ISO 8601 in UTC. */
  readonly at: string;
  /** Who answered, if the caller said so. */
  readonly by?: string;
  /** Why it was rejected. */
  readonly reason?: string;
  /** The encoded answer that came with the approval. */
  readonly answer?: Json;
}

/** What a node says of its pause besides the reason. */
export interface PauseDetails {
  /** When it paused by its worker's clock, ISO 8601 in UTC. */
  readonly at?: string;
  /** Until when it may be approved, ISO 8601 in UTC; for ever if absent. */
  readonly expiresAt?: string;
  /** What the approver is shown, encoded. */
  readonly payload?: Json;
}

/** A pause that waits for an approval. */
export interface PauseRecord extends PauseDetails {
  /** Names this pause within its run. */
  readonly id: string;
  /** What is to be approved. */
  readonly reason: string;
}

/** Why a run stands at `failed`. */
export interface FailureRecord {
  /** The node that threw, or whose edge or update could not be used. */
  readonly node: string;
  /** Which visit of the node it was. */
  readonly visit: number;
  /** What was thrown. */
  readonly error: ErrorRecord;
}
