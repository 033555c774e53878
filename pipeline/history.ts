/**
 * The stored past of a run, as a pipeline shows it.
 *
 * @module
 */

import type {
  CheckpointRecord,
  ForkRecord,
  ResumeRecord,
  RunStatus,
  VisitAttempts,
} from "./checkpoint_record.ts";
import { decode } from "./codec.ts";
import type { PendingPause } from "./errors.ts";
import { restoreState } from "./restore.ts";
import { pausesOf } from "./run.ts";
import type { FailureRecord, TaskRecord } from "./task_record.ts";

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
  /** The version of the pipeline that stored it. */
  readonly version: number;
  /** The state as that version had it, deeply frozen. */
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
  /**
   * Milliseconds since the checkpoint before this one, by the clocks of those who saved them: how long
   * the step took that it records, or how long the run stood still; 0 where those clocks went back.
   * Absent on the oldest one.
   */
  readonly durationMs?: number;
  /** The checkpoint of another run that this one begins with, if it is a fork. */
  readonly forkedFrom?: ForkRecord;
  /** Who went on with the run there, and what was approved. */
  readonly resume?:
    & Pick<ResumeRecord, "at" | "by" | "approved" | "rejected" | "reason">
    & { readonly answer?: unknown };
  /** Id of the call that saved it. */
  readonly writer: string;
  /** Time of the save, ISO 8601 in UTC. */
  readonly savedAt: string;
}

/** What records tell of the run's past; newest first on both sides. */
export async function* historyEntries<State extends object>(
  records: AsyncIterable<CheckpointRecord>,
): AsyncIterable<HistoryEntry<State>> {
  let newer: CheckpointRecord | undefined;
  for await (const record of records) {
    if (newer !== undefined) yield historyEntry<State>(newer, record);
    newer = record;
  }
  if (newer !== undefined) yield historyEntry<State>(newer, undefined);
}

function historyEntry<State extends object>(
  record: CheckpointRecord,
  older: CheckpointRecord | undefined,
): HistoryEntry<State> {
  return {
    sequence: record.sequence,
    nodeId: record.nodeId,
    status: record.status,
    version: record.pipelineVersion ?? 1,
    state: restoreState<State>(record),
    completedNodes: record.completedNodes,
    tasks: record.tasks.map(historyTask),
    pauses: pausesOf(record.pendingEdges),
    failures: record.failures,
    attempts: record.attempts ?? [],
    durationMs: older && Math.max(0, Date.parse(record.savedAt) - Date.parse(older.savedAt)),
    forkedFrom: record.forkedFrom,
    resume: record.resume && resumeEntry(record.resume),
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

function resumeEntry(
  { answer, ...resume }: ResumeRecord,
): NonNullable<HistoryEntry<never>["resume"]> {
  return answer === undefined ? resume : { ...resume, answer: decode(answer, "answer") };
}
