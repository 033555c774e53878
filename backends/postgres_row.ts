/**
 * A checkpoint as a row: the Python framework's columns, readable by anyone, then ours.
 *
 * @module
 */

import type { CheckpointRecord } from "../pipeline/checkpointer.ts";
import { fromStored, toStored } from "../pipeline/record.ts";
import type { Row } from "./postgres_client.ts";
import { keyOf } from "./postgres_names.ts";
import { isStorableJson, isStorableText } from "./postgres_quote.ts";

/** A row as it is written. */
export interface StoredRow {
  /** Key of the pipeline's name. */
  readonly pipeline: string;
  /** Key of the run's id. */
  readonly run: string;
  /** The sequence. */
  readonly sequence: number;
  /** Key of the node id. */
  readonly node: string;
  /** The state as JSON text. */
  readonly state: string;
  /** The completed nodes as JSON text; an empty list where `jsonb` refuses them. */
  readonly completedNodes: string;
  /** Whether the run is paused. */
  readonly paused: boolean;
  /** Why; `undefined` also where no column can hold it. */
  readonly pauseReason: string | undefined;
  /** What the run is doing. */
  readonly status: string;
  /** Key of the writer's id. */
  readonly writer: string;
  /** Time of the save by the writer's clock; `undefined` where the column would change it. */
  readonly savedAt: string | undefined;
  /** The rest as JSON text, and whatever the other columns cannot hold. */
  readonly details: string;
}

/** The row of a record. */
export async function toRow(record: CheckpointRecord): Promise<StoredRow> {
  const keys = [record.pipelineName, record.runId, record.nodeId, record.writer].map(keyOf);
  const [pipeline = "", run = "", node = "", writer = ""] = keys.every(isText)
    ? keys
    : await Promise.all(keys);
  const { state, completed_nodes, ...rest } = toStored(record);
  const nodes = JSON.stringify(completed_nodes);
  const hasStorableNodes = isStorableJson(nodes);
  const { pauseReason = "" } = record;
  const savedAt = isIsoTime(record.savedAt) ? record.savedAt : undefined;
  const details = {
    ...rest,
    // What a column holds as it is need not be held twice.
    pipeline_name: unless(pipeline, record.pipelineName),
    run_id: unless(run, record.runId),
    node_id: unless(node, record.nodeId),
    writer: unless(writer, record.writer),
    sequence: undefined,
    status: undefined,
    paused: undefined,
    pause_reason: isStorableText(pauseReason) ? undefined : pauseReason,
    saved_at: unless(savedAt, record.savedAt),
    completed_nodes: hasStorableNodes ? undefined : completed_nodes,
  };
  return {
    pipeline,
    run,
    node,
    writer,
    sequence: record.sequence,
    state: JSON.stringify(state),
    completedNodes: hasStorableNodes ? nodes : "[]",
    paused: record.paused,
    pauseReason: isStorableText(pauseReason) ? record.pauseReason : undefined,
    status: record.status,
    savedAt,
    details: JSON.stringify(details),
  };
}

/**
 * The record of a row.
 *
 * @throws {TypeError} If the row is no checkpoint.
 * @throws {RecordVersionError} If a newer version of this package wrote it.
 */
export function fromRow(row: Row): CheckpointRecord {
  const { details, state, completed_nodes, ...columns } = row;
  const where = `checkpoint ${row.sequence} of run "${row.run_id}" in Postgres`;
  const stored = {
    ...withoutNull(columns),
    state: parse(state),
    completed_nodes: parse(completed_nodes),
    ...parse(details),
  };
  return fromStored(stored, where, "");
}

function withoutNull(columns: Row): object {
  return Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== null));
}

function parse(json: unknown): object | undefined {
  return typeof json === "string" ? JSON.parse(json) : undefined;
}

/** Whether a time is of the one form in which it is read back. */
function isIsoTime(time: string): boolean {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(time) && !Number.isNaN(Date.parse(time));
}

function isText(key: unknown): key is string {
  return typeof key === "string";
}

function unless(key: string | undefined, name: string): string | undefined {
  return key === name ? undefined : name;
}
