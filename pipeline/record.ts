/**
 * A checkpoint as it is stored: the fields and names of the Firefly agentic framework's records,
 * then ours.
 *
 * @module
 */

import {
  type CheckpointRecord,
  type PendingEdge,
  RECORD_VERSION,
  type RunStatus,
} from "./checkpoint_record.ts";
import { type LoadedRecord, RecordVersionError, type RunSummary } from "./checkpointer.ts";
import type { JsonObject } from "./json.ts";
import { thawed } from "./thaw.ts";

/** The stored form of a record; what is empty is left out. */
export interface StoredRecord {
  readonly pipeline_name: string;
  readonly pipeline_version?: number;
  readonly run_id: string;
  readonly node_id: string;
  readonly sequence: number;
  readonly state: JsonObject;
  readonly completed_nodes: readonly string[];
  readonly paused?: boolean;
  readonly pause_reason?: string | null;
  readonly version?: number;
  readonly status?: RunStatus;
  readonly tasks?: CheckpointRecord["tasks"];
  readonly pending_edges?: CheckpointRecord["pendingEdges"];
  readonly steps?: number;
  readonly failures?: CheckpointRecord["failures"];
  readonly attempts?: CheckpointRecord["attempts"];
  readonly resume?: CheckpointRecord["resume"];
  readonly forked_from?: { readonly run_id: string; readonly sequence: number };
  readonly writer?: string;
  readonly saved_at?: string;
  readonly lease_ms?: number;
  readonly recoveries?: number;
}

/** The stored form of a record. */
export function toStored(record: CheckpointRecord): StoredRecord {
  return {
    pipeline_name: record.pipelineName,
    pipeline_version: record.pipelineVersion,
    run_id: record.runId,
    node_id: record.nodeId,
    sequence: record.sequence,
    state: thawed(record.state),
    completed_nodes: record.completedNodes,
    paused: record.paused,
    pause_reason: record.pauseReason ?? null,
    version: record.version,
    status: record.status,
    tasks: record.tasks,
    pending_edges: unlessEmpty(record.pendingEdges),
    steps: record.steps,
    failures: unlessEmpty(record.failures),
    attempts: record.attempts,
    resume: record.resume,
    forked_from: record.forkedFrom &&
      { run_id: record.forkedFrom.runId, sequence: record.forkedFrom.sequence },
    writer: record.writer,
    saved_at: record.savedAt,
    lease_ms: record.leaseMs,
    recoveries: record.recoveries,
  };
}

/**
 * The record that a stored form stands for. One with only the Python framework's fields becomes a
 * record whose edge is still to be asked.
 *
 * @param stored What was stored, as JSON gave it back.
 * @param where Names the place in errors.
 * @param savedAt The time of the save where the record itself does not tell, ISO 8601.
 * @throws {TypeError} If it is no checkpoint.
 * @throws {RecordVersionError} If a newer version of this package wrote it.
 */
export function fromStored(stored: unknown, where: string, savedAt: string): CheckpointRecord {
  if (!isStoredRecord(stored)) throw new TypeError(`Cannot read ${where}: it is no checkpoint`);
  const version = stored.version ?? 0;
  if (version > RECORD_VERSION) throw new RecordVersionError(version, where);
  return {
    version,
    pipelineName: stored.pipeline_name,
    pipelineVersion: stored.pipeline_version,
    runId: stored.run_id,
    sequence: stored.sequence,
    nodeId: stored.node_id,
    state: stored.state,
    completedNodes: stored.completed_nodes,
    status: stored.status ?? (stored.paused ? "paused" : "running"),
    paused: stored.paused ?? false,
    pauseReason: stored.pause_reason ?? undefined,
    tasks: stored.tasks ?? [],
    pendingEdges: stored.pending_edges ?? (version === 0 ? [lastVisit(stored)] : []),
    steps: stored.steps ?? countSteps(stored.completed_nodes),
    failures: stored.failures ?? [],
    attempts: stored.attempts,
    resume: stored.resume,
    forkedFrom: stored.forked_from &&
      { runId: stored.forked_from.run_id, sequence: stored.forked_from.sequence },
    writer: stored.writer ?? "",
    savedAt: stored.saved_at ?? savedAt,
    leaseMs: stored.lease_ms,
    recoveries: stored.recoveries,
  };
}

/** A record as one line of JSON. */
export function recordToText(record: CheckpointRecord): string {
  return JSON.stringify(toStored(record));
}

/**
 * The record that a text stands for; the parameters and errors are those of {@linkcode fromStored},
 * and a `SyntaxError` where the text is no JSON.
 */
export function recordFromText(text: string, where: string, savedAt: string): CheckpointRecord {
  return fromStored(JSON.parse(text), where, savedAt);
}

/** What a summary is made of. */
export type Summarized = Pick<LoadedRecord, Exclude<keyof RunSummary, "pauses"> | "pendingEdges">;

/**
 * What `listRuns` tells of a run whose latest checkpoint is this.
 *
 * @param idleMs For how long nothing was heard of its worker, where the record does not tell.
 */
export function summarize(record: Summarized, idleMs = record.idleMs): RunSummary {
  return {
    pipelineName: record.pipelineName,
    runId: record.runId,
    status: record.status,
    sequence: record.sequence,
    nodeId: record.nodeId,
    savedAt: record.savedAt,
    pauses: record.pendingEdges.flatMap(({ node, pause }) => pause ? [{ ...pause, node }] : []),
    leaseMs: record.leaseMs,
    idleMs,
  };
}

/** The id of the pause that a visit of a node made; of its later ones, if they re-enter the node. */
export function pauseId(node: string, visit: number, entry = 1): string {
  return entry === 1 ? `${node}#${visit}` : `${node}#${visit}.${entry}`;
}

function lastVisit(stored: StoredRecord): PendingEdge {
  const node = stored.node_id;
  const visit = stored.completed_nodes.filter((name) => name === node).length;
  if (!stored.paused) return { node, visit };
  return {
    node,
    visit,
    pause: { id: pauseId(node, visit), reason: stored.pause_reason ?? "" },
  };
}

/** The Python framework does not store steps; side by side it ran only visits of one node. */
function countSteps(completedNodes: readonly string[]): number {
  return completedNodes.filter((node, index) => node !== completedNodes[index - 1]).length;
}

function isStoredRecord(value: unknown): value is StoredRecord {
  if (!isObject(value)) return false;
  const { state, completed_nodes, sequence, tasks, pending_edges } = value;
  return isText(value.pipeline_name) && isText(value.run_id) && isText(value.node_id) &&
    Number.isSafeInteger(sequence) && Number(sequence) >= 0 && isObject(state) &&
    Array.isArray(completed_nodes) && completed_nodes.every(isText) &&
    isListOrAbsent(tasks) && isListOrAbsent(pending_edges);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isListOrAbsent(value: unknown): boolean {
  return value === undefined || Array.isArray(value);
}

function unlessEmpty<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}
