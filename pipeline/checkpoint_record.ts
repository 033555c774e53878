/**
 * The record of one checkpoint, and what one changes against the one before. All of it is plain JSON.
 *
 * @module
 */

import type { Json, JsonObject } from "./json.ts";
import type { ErrorRecord, FailureRecord, PauseRecord, TaskRecord } from "./task_record.ts";

/** Version of the records that this package writes; 0 stands for records of the Python framework. */
export const RECORD_VERSION = 1;

/** What a run is doing, as its latest checkpoint tells. */
export type RunStatus = "running" | "paused" | "failed" | "completed" | "cancelled";

/** A visit that ended, and how many attempts it took. */
export interface VisitAttempts {
  /** The node. */
  readonly node: string;
  /** Which visit of the node it was. */
  readonly visit: number;
  /** Attempts in all, the last one included. */
  readonly attempts: number;
}

/**
 * A finished visit, already folded into the state, whose edge has not been asked yet; or the pause of
 * a task that is not finished, because the answer sends it back into its node.
 */
export interface PendingEdge {
  /** The node that finished. */
  readonly node: string;
  /** Which of its visits finished. */
  readonly visit: number;
  /** The pause that has to be approved before the edge is asked. */
  readonly pause?: PauseRecord;
  /** Set if the pause re-enters its node: the number of the entry that paused, 1 for the first. */
  readonly entry?: number;
  /** The encoded answer that came with the approval. */
  readonly answer?: Json;
  /** Whether the pause was rejected: the run goes on at the edge's `rejected` target. */
  readonly rejected?: boolean;
  /** What it failed with: its node's `onError` follows, in the place of its edge. */
  readonly error?: ErrorRecord;
}

/** Who went on with a run, and with what. */
export interface ResumeRecord {
  /** Time of the call, ISO 8601 in UTC. */
  readonly at: string;
  /** Ids of the pauses that the call approved. */
  readonly approved: readonly string[];
  /** Ids of the pauses that the call rejected. */
  readonly rejected?: readonly string[];
  /** Why it rejected them. */
  readonly reason?: string;
  /** The encoded answer that came with the approval. */
  readonly answer?: Json;
  /** Who resumed, if the caller said so. */
  readonly by?: string;
  /** The encoded update that the caller folded into the state. */
  readonly update?: JsonObject;
}

/** The checkpoint that a run was forked from. */
export interface ForkRecord {
  /** Id of the run, of the same pipeline. */
  readonly runId: string;
  /** Sequence of the checkpoint. */
  readonly sequence: number;
}

/**
 * One checkpoint of a run: the state, and the tasks that come next. Plain JSON; the state and all
 * updates are in the codec's encoded form, which stores never look into.
 */
export interface CheckpointRecord {
  /** {@linkcode RECORD_VERSION} of the package that wrote it. */
  readonly version: number;
  /** Name of the pipeline that the run belongs to. */
  readonly pipelineName: string;
  /** Version of the definition that the state and the tasks are of; absent for 1. */
  readonly pipelineVersion?: number;
  /** Id of the run, unique within its pipeline. */
  readonly runId: string;
  /** Place in the run's history: 0 is saved before any node runs. */
  readonly sequence: number;
  /** The node visit that this save records; `__start__` at 0, `__resume__` where a run goes on. */
  readonly nodeId: string;
  /** The encoded state, one property a field. */
  readonly state: JsonObject;
  /**
   * The node of every finished visit, in the order in which the updates were folded. A visit whose
   * failure went to its node's `onError` is one of them.
   */
  readonly completedNodes: readonly string[];
  /** What the run is doing. */
  readonly status: RunStatus;
  /** Whether the run waits for an approval. */
  readonly paused: boolean;
  /** What the first pending pause wants to be approved. */
  readonly pauseReason?: string;
  /** The step that runs next, or is under way: pending tasks, and finished ones not yet folded. */
  readonly tasks: readonly TaskRecord[];
  /** Finished visits whose edges are still to be asked. */
  readonly pendingEdges: readonly PendingEdge[];
  /** Steps in which a node ran, over the whole life of the run. */
  readonly steps: number;
  /** Why the run stands at `failed`; empty otherwise. */
  readonly failures: readonly FailureRecord[];
  /** The visits that ended with this checkpoint and took more than one attempt. */
  readonly attempts?: readonly VisitAttempts[];
  /** Set on the checkpoint with which a call went on with the run. */
  readonly resume?: ResumeRecord;
  /** Set on the first checkpoint of a fork. */
  readonly forkedFrom?: ForkRecord;
  /** Id of the call that saved it: one for every `invoke` and `resume`. */
  readonly writer: string;
  /** Time of the save by the writer's clock, ISO 8601 in UTC. */
  readonly savedAt: string;
  /**
   * For how many milliseconds after a save or a `touch` the writer is to be taken for alive. Absent
   * where it keeps no lease, 0 where it let go of the run.
   */
  readonly leaseMs?: number;
  /** How often the run was recovered from a dead worker since a step of it was finished last. */
  readonly recoveries?: number;
}

/**
 * What a record changes against the one before it. A store that keeps changes instead of whole
 * records gives whole ones back with `applyChange`.
 */
export interface CheckpointChange {
  /** Sequence of the record that the change is against; below 0 where that is another run's. */
  readonly since: number;
  /** Who saved that record. */
  readonly sinceWriter: string;
  /** Fields of the encoded state that have a new value. */
  readonly set: JsonObject;
  /** Items that were added at the end of a field's list. */
  readonly appended: { readonly [field: string]: readonly Json[] };
  /** Fields that the state no longer has. */
  readonly removed: readonly string[];
  /** Visits that finished since, to be added at the end of `completedNodes`. */
  readonly completedNodes: readonly string[];
  /** Whether these take the place of those before, because nodes were renamed. */
  readonly replacesCompletedNodes?: boolean;
  /**
   * The tasks: all of them anew, or only those of the same step of which something came, by index.
   * These keep their node, visit, payload and failures.
   */
  readonly tasks:
    | { readonly all: readonly TaskRecord[] }
    | { readonly finished: readonly (readonly [index: number, task: TaskRecord])[] };
}
