/**
 * The protocol between the pipeline and the places where runs are kept: the interface of a store, what
 * it tells, and its errors.
 *
 * @module
 */

import {
  type CheckpointChange,
  type CheckpointRecord,
  RECORD_VERSION,
  type RunStatus,
} from "./checkpoint_record.ts";
import type { PauseRecord } from "./task_record.ts";

/** A record as a store gives it back, with what only the store can tell. */
export interface LoadedRecord extends CheckpointRecord {
  /**
   * Milliseconds since the run's latest save or `touch`, by the store's own clock. Absent where the
   * store cannot tell.
   */
  readonly idleMs?: number;
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
