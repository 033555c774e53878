/**
 * The stored past of a run, as a pipeline shows it.
 *
 * @module
 */

import type {
  CheckpointRecord,
  FailureRecord,
  ResumeRecord,
  RunStatus,
  TaskRecord,
  VisitAttempts,
} from "./checkpointer.ts";
import type { PendingPause } from "./errors.ts";
import { restoreState } from "./restore.ts";
import { pausesOf } from "./run.ts";

/** A task of a step, as the history shows it. */
export interface HistoryTask extends Pick<TaskRecord, "node" | "visit" | "status" | "attempt"> {
  /** When its next attempt was due, where it waited for one, ISO 8601 in UTC. */
  readonly retryAt?: string;
}

/** One checkpoint of a run, its state decoded. */
export interface HistoryEntry<State> {
  /** Place in the history: 0 is the start. */
  readonly sequence: number;
  /** The node visit that the checkpoint records; `__start__`, `__resume__` or `__cancel__` else. */
  readonly nodeId: string;
  /** What the run was doing. */
  readonly status: RunStatus;
  /** The state, deeply frozen. */
  readonly state: Readonly<State>;
  /** The node of every visit that had finished. */
  readonly completedNodes: readonly string[];
  /** The tasks of the step that came next, or was under way. */
  readonly tasks: readonly HistoryTask[];
  /** What waited for an approval. */
  readonly pauses: readonly PendingPause[];
  /** Why the run failed there. */
  readonly failures: readonly FailureRecord[];
  /** The visits that ended there and took more than one attempt. */
  readonly attempts: readonly VisitAttempts[];
  /** Who went on with the run there, and what was approved. */
  readonly resume?: Pick<ResumeRecord, "at" | "by" | "approved">;
  /** Id of the call that saved it. */
  readonly writer: string;
  /** Time of the save, ISO 8601 in UTC. */
  readonly savedAt: string;
}

/** What a record tells of the run's past. */
export function historyEntry<State extends object>(record: CheckpointRecord): HistoryEntry<State> {
  return {
    sequence: record.sequence,
    nodeId: record.nodeId,
    status: record.status,
    state: restoreState<State>(record),
    completedNodes: record.completedNodes,
    tasks: record.tasks.map(historyTask),
    pauses: pausesOf(record.pendingEdges),
    failures: record.failures,
    attempts: record.attempts ?? [],
    resume: record.resume,
    writer: record.writer,
    savedAt: record.savedAt,
  };
}

function historyTask(task: TaskRecord): HistoryTask {
  const { node, visit, status, attempt } = task;
  if (attempt === undefined) return { node, visit, status };
  if (task.status !== "pending") return { node, visit, status, attempt };
  return { node, visit, status, attempt, retryAt: task.retryAt };
}
