/**
 * Records read back from rows, whole ones and changes.
 *
 * @module
 */

import type { CheckpointRecord } from "../pipeline/checkpoint_record.ts";
import type { LoadedRecord, RunSummary } from "../pipeline/checkpointer.ts";
import { fromStored, summarize } from "../pipeline/record.ts";
import { foldHistory, foldLatest } from "../pipeline/stored_chain.ts";
import { isStoredChange, type StoredChange, writerMark } from "../pipeline/stored_change.ts";
import type { Row } from "./postgres_client.ts";
import type { LatestChange } from "./postgres_load_sql.ts";

/** What Postgres made JSON of: the columns of a whole record, or some of a change's in a list. */
type Item = Columns | readonly unknown[];

interface Columns {
  readonly [column: string]: unknown;
}

/** Where the writer stands in the list of a change. */
const WRITER = 5;

/** The latest row of `LOAD`: a whole checkpoint, or the last change of a chain. */
export type Latest =
  | { readonly record: LoadedRecord }
  | {
    readonly change: StoredChange;
    readonly at: LatestChange;
    readonly idleMs: number | undefined;
  };

/**
 * Reads the latest row of `LOAD`.
 *
 * @throws {TypeError} If it is no such row.
 * @throws {RecordVersionError} If a newer version of this package wrote it.
 */
export function latestOf(row: Row): Latest {
  const item = itemOf(row);
  const idleMs = idleMsOf(row);
  if (!isChange(item)) return { record: { ...wholeOf(item), idleMs } };
  const change = changeOf(item);
  const { sequence, needs_all: needsAll = false } = change;
  const at = { base: Number(row.base), sequence, writer: String(item[WRITER]), needsAll };
  return { change, at, idleMs };
}

/**
 * The record that a change stands for upon what leads to it, in any order; `undefined` if that has no
 * beginning.
 *
 * @throws {TypeError} If something between is missing or damaged.
 */
export function foldedLatest(
  found: readonly Row[],
  last: StoredChange,
): CheckpointRecord | undefined {
  const rows = found.toSorted((one, other) => Number(one.sequence) - Number(other.sequence));
  const items = rows.map(itemOf);
  // A whole one that took the place of a change stands for all before it.
  const begin = items.findLastIndex((item) => "state" in item);
  const whole = items[begin];
  if (whole === undefined || isChange(whole)) return undefined;
  const base = wholeOf(whole);
  const mark = writerMark(base.writer);
  const changes: StoredChange[] = [];
  for (let index = begin + 1; index < items.length; index++) {
    // As far as folding needs it: when it was, say, only the last one tells.
    const { sequence, node_id } = rows[index] ?? {};
    const change = { sequence: Number(sequence), node_id, writer: mark, ...items[index] };
    if (!isStoredChange(change)) throw damagedChange(sequence);
    changes.push(change);
  }
  return foldLatest(base, [...changes, last], where(whole));
}

/**
 * The records that rows stand for, newest first on both sides. Changes whose whole record has not
 * come yet are left, for more rows to be put behind them.
 */
export function takeHistory(
  rows: readonly Row[],
  left: StoredChange[],
): Iterable<CheckpointRecord>[] {
  const histories: Iterable<CheckpointRecord>[] = [];
  for (const item of rows.map(itemOf)) {
    if (isChange(item)) {
      left.push(changeOf(item));
    } else {
      histories.push(foldHistory(wholeOf(item), left.splice(0).reverse(), where(item)));
    }
  }
  return histories;
}

/** What `listRuns` tells of a run of a pipeline by a row of `listSql`. */
export function summaryOf(pipelineName: string, row: Row): RunSummary {
  const { run_id, node_id, status, pause_reason, saved_at, details } = row;
  const sequence = Number(row.sequence);
  const stored = {
    pipeline_name: pipelineName,
    run_id,
    node_id,
    sequence,
    state: {},
    completed_nodes: [],
    paused: status === "paused",
    pause_reason,
    status,
    saved_at: typeof saved_at === "string" ? toIso(JSON.parse(saved_at)) : undefined,
    ...parsedDetails(details),
  };
  return summarize(fromStored(stored, where({ sequence, run_id }), ""), idleMsOf(row));
}

/** The sequence of a row. */
export function sequenceOf(row: Row): number {
  const item = itemOf(row);
  return Number(isChange(item) ? item[0] : item.sequence);
}

function itemOf({ record }: Row): Item {
  if (typeof record === "string") return JSON.parse(record);
  throw new TypeError("Cannot read what the Postgres client answered: it is no row of text");
}

function isChange(item: Item | undefined): item is readonly unknown[] {
  return Array.isArray(item);
}

function wholeOf(row: Columns): CheckpointRecord {
  const { details, state, completed_nodes, ...columns } = row;
  const stored = {
    ...withoutNull(columns),
    state,
    completed_nodes,
    // By the writer's clock; where the Python framework wrote, by the server's.
    saved_at: toIso(row.saved_at ?? row.created_at),
    ...parsedDetails(details),
  };
  return fromStored(stored, where(row), "");
}

/** What the details tell, which the columns cannot hold; nothing where the Python framework wrote. */
function parsedDetails(details: unknown): Columns {
  return typeof details === "string" ? JSON.parse(details) : {};
}

function changeOf(item: Item): StoredChange {
  const [sequence, node_id, status, pause_reason, saved_at, writer, details] = isChange(item)
    ? item
    : [];
  const stored = {
    ...withoutNull({ sequence, node_id, status, pause_reason }),
    saved_at: toIso(saved_at),
    writer: writerMark(String(writer)),
    ...(typeof details === "object" ? details : undefined),
  };
  if (isStoredChange(stored)) return stored;
  throw damagedChange(sequence);
}

function damagedChange(sequence: unknown): TypeError {
  return new TypeError(
    `Cannot read checkpoint ${sequence} in Postgres: it is no change of another`,
  );
}

function where({ sequence, run_id }: Columns): string {
  return `checkpoint ${sequence} of run "${run_id}" in Postgres`;
}

function toIso(time: unknown): string | undefined {
  return typeof time === "string" ? new Date(time).toISOString() : undefined;
}

function idleMsOf({ idle }: Row): number | undefined {
  return typeof idle === "string" ? Number(idle) * 1_000 : undefined;
}

function withoutNull(columns: Columns): Columns {
  return Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== null));
}
