/**
 * The protocol between the pipeline and the places where runs are kept: the record of one
 * checkpoint, the interface of a store, and the errors of both.
 *
 * @module
 */

import type { Json, JsonObject } from "./json.ts";

/** Version of the records that this package writes; 0 stands for records of the Python framework. */
export const RECORD_VERSION = 1;

/** What a run is doing, as its latest checkpoint tells. */
export type RunStatus = "running" | "paused" | "failed" | "completed" | "cancelled";

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

/** A record as a store gives it back, with what only the store can tell. */
export interface LoadedRecord extends CheckpointRecord {
  /**
   * Milliseconds since the run's latest save or `touch`, by the store's own clock. Absent where the
   * store cannot tell.
   */
  readonly idleMs?: number;
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

/** One run, as `listRuns` tells it. */
export interface RunSummary {
  /** Name of the pipeline. */
  readonly pipelineName: string;
  /** Id of the run. */
  readonly runId: string;
  /** What the run is doing. */
  readonly status: RunStatus;
  /** Sequence of the latest checkpoint. */
  readonly sequence: number;
  /** The node visit that the latest checkpoint records. */
  readonly nodeId: string;
  /** Time of the latest checkpoint, ISO 8601 in UTC. */
  readonly savedAt: string;
  /** What waits for an approval. */
  readonly pauses: readonly (PauseRecord & { readonly node: string })[];
  /** As in the latest checkpoint. */
  readonly leaseMs?: number;
  /** As `loadLatest` tells it. */
  readonly idleMs?: number;
}

/** Which runs `listRuns` yields. */
export interface ListRunsOptions {
  /** Only runs of this status. */
  readonly status?: RunStatus;
  /** At most so many. */
  readonly limit?: number;
}

/**
 * A place where runs are kept. Implementations are interchangeable: the contract is the suite in
 * `tests/checkpointer_suite.ts`, and `MemoryCheckpointer` is the shortest reading of it.
 */
export interface Checkpointer {
  /**
   * Stores one checkpoint, durably, before it resolves.
   *
   * @param record The whole checkpoint. It is not kept: the caller may hand it on.
   * @param change What the record changes against the one before; a store may ignore it.
   * @throws {CheckpointConflictError} If another writer saved this sequence, or a later one is
   * stored; with a change, also if the record that it is against is not the latest one, as after the
   * run was deleted. The same writer may repeat its own latest save.
   */
  save(record: CheckpointRecord, change?: CheckpointChange): Promise<void>;
  /** Yields the checkpoint with the highest sequence, or `undefined` if there is no such run. */
  loadLatest(pipelineName: string, runId: string): Promise<LoadedRecord | undefined>;
  /**
   * Yields the runs of one pipeline, the one saved last first. Throws a `RecordVersionError` after all
   * others where a newer version of this package stored one.
   */
  listRuns(pipelineName: string, options?: ListRunsOptions): AsyncIterable<RunSummary>;
  /** Yields every stored checkpoint of a run, newest first; nothing for an unknown run. */
  history(pipelineName: string, runId: string): AsyncIterable<CheckpointRecord>;
  /** Removes all that is stored of a run. Removing what is not there is no error. */
  deleteRun(pipelineName: string, runId: string): Promise<void>;
  /**
   * Notes that a run's worker is alive: its `idleMs` begins anew. A store without it keeps no leases.
   *
   * @returns Whether the run's latest checkpoint is still this writer's; if not, nothing was noted.
   */
  touch?(pipelineName: string, runId: string, writer: string): Promise<boolean>;
  /**
   * Removes checkpoints of a run that are below a sequence, oldest first, but for those that the
   * others need to be read. A store may remove only some of them at a time. What the run is doing
   * meanwhile is not disturbed: its latest checkpoint always stays.
   *
   * @returns How many were removed; 0 if none are left to be.
   */
  trim?(pipelineName: string, runId: string, below: number): Promise<number>;
}

/** Thrown by `save` when the run went on elsewhere: the sequence belongs to another writer. */
export class CheckpointConflictError extends Error {
  /** The name of the class. */
  override readonly name = "CheckpointConflictError";
  /** Name of the pipeline. */
  readonly pipelineName: string;
  /** Id of the run. */
  readonly runId: string;
  /** The sequence that could not be saved. */
  readonly sequence: number;

  /** Takes the record that could not be saved. */
  constructor(
    record: Pick<CheckpointRecord, "pipelineName" | "runId" | "sequence">,
    options?: ErrorOptions,
  ) {
    super(
      `Cannot save checkpoint ${record.sequence} of run "${record.runId}" of pipeline ` +
        `"${record.pipelineName}": another worker went on with the run, or it was deleted; load it ` +
        "again to see where it stands",
      options,
    );
    this.pipelineName = record.pipelineName;
    this.runId = record.runId;
    this.sequence = record.sequence;
  }
}

/** Thrown when a stored record is of a form that this version of the package cannot read. */
export class RecordVersionError extends Error {
  /** The name of the class. */
  override readonly name = "RecordVersionError";

  /** Takes the record's version and where it is stored. */
  constructor(version: number, where: string, options?: ErrorOptions) {
    super(
      `Cannot read the checkpoint ${where}: it has version ${version}, and this package reads ` +
        `versions up to ${RECORD_VERSION}; update the package`,
      options,
    );
  }
}
