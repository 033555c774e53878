/**
 * A checkpoint as a row that is written: the Python framework's columns, readable by anyone, then
 * ours.
 *
 * @module
 */

import type { PlannedChange } from "../pipeline/chain.ts";
import type { CheckpointChange, CheckpointRecord } from "../pipeline/checkpoint_record.ts";
import { toStored } from "../pipeline/record.ts";
import type { StoredChange } from "../pipeline/stored_change.ts";
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
  /** What the run is doing; left out where the lack of it tells. */
  readonly status: string | undefined;
  /** Key of the writer's id. */
  readonly writer: string;
  /** Time of the save by the writer's clock; `undefined` where the column would change it. */
  readonly savedAt: string | undefined;
  /** The rest as JSON text, and whatever the other columns cannot hold; or the change. */
  readonly details: string;
  /** For a change: sequence of the whole record that its chain begins with. */
  readonly base?: number;
  /** The record upon which alone it may be saved. */
  readonly upon?: Upon;
}

/** The record that has to be the latest. */
export interface Upon {
  /** Its sequence. */
  readonly sequence: number;
  /** Key of its writer's id. */
  readonly writer: string;
}

/**
 * What stands in the columns of a change's row for a state and nodes that are not there: JSON's
 * null, which a program that only knows whole records cannot take for a state.
 */
const ABSENT = "null";

/** The row of a whole record, which may be known to change another one. */
export async function toRow(
  record: CheckpointRecord,
  change: Pick<CheckpointChange, "since" | "sinceWriter"> | undefined,
): Promise<StoredRow> {
  const stored = toStored(record);
  const common = commonColumns(record);
  const row = common instanceof Promise ? await common : common;
  const nodes = JSON.stringify(stored.completed_nodes);
  const hasStorableNodes = isStorableJson(nodes);
  const details = {
    ...stored,
    ...namesBeside(row, record),
    state: undefined,
    sequence: undefined,
    status: undefined,
    paused: undefined,
    pause_reason: isStorableText(record.pauseReason ?? "") ? undefined : record.pauseReason,
    saved_at: unless(row.savedAt, record.savedAt),
    completed_nodes: hasStorableNodes ? undefined : stored.completed_nodes,
  };
  return {
    ...row,
    state: JSON.stringify(stored.state),
    completedNodes: hasStorableNodes ? nodes : "[]",
    details: JSON.stringify(details),
    ...change !== undefined && change.since >= 0 &&
      { upon: { sequence: change.since, writer: await keyOf(change.sinceWriter) } },
  };
}

/** The row of a change. */
export async function toChangeRow(
  record: CheckpointRecord,
  change: PlannedChange,
): Promise<StoredRow> {
  const common = commonColumns(record);
  const columns = common instanceof Promise ? await common : common;
  return {
    ...columns,
    // Not stored: readers take it for running, as a row of the Python framework.
    status: record.status === "running" ? undefined : record.status,
    state: ABSENT,
    completedNodes: ABSENT,
    details: change.text,
    base: change.base,
    upon: { sequence: change.since, writer: columns.writer },
  };
}

/** What the details tell of a change: what no column does. */
export function changeDetails(change: StoredChange): string {
  const { node_id, pause_reason, saved_at = "" } = change;
  const isStorable = isStorableText(pause_reason ?? "");
  return JSON.stringify({
    ...change,
    sequence: undefined,
    status: undefined,
    writer: undefined,
    node_id: keyOf(node_id) === node_id ? undefined : node_id,
    pause_reason: isStorable ? undefined : pause_reason,
    saved_at: isIsoTime(saved_at) ? undefined : saved_at,
  });
}

type CommonColumns = Omit<StoredRow, "state" | "completedNodes" | "details" | "base" | "upon">;

/** The columns that every row has; at once, but for the longest names. */
function commonColumns(record: CheckpointRecord): CommonColumns | Promise<CommonColumns> {
  const keys = [record.pipelineName, record.runId, record.nodeId, record.writer].map(keyOf);
  return keys.every(isText)
    ? columnsOf(record, keys)
    : Promise.all(keys).then((found) => columnsOf(record, found));
}

function columnsOf(
  record: CheckpointRecord,
  [pipeline = "", run = "", node = "", writer = ""]: readonly string[],
): CommonColumns {
  return {
    pipeline,
    run,
    node,
    writer,
    sequence: record.sequence,
    paused: record.paused,
    pauseReason: isStorableText(record.pauseReason ?? "") ? record.pauseReason : undefined,
    status: record.status,
    savedAt: isIsoTime(record.savedAt) ? record.savedAt : undefined,
  };
}

/** The names that a column does not hold as they are. */
function namesBeside(row: CommonColumns, record: CheckpointRecord) {
  return {
    pipeline_name: unless(row.pipeline, record.pipelineName),
    run_id: unless(row.run, record.runId),
    node_id: unless(row.node, record.nodeId),
    writer: unless(row.writer, record.writer),
  };
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
