/**
 * Records read back from rows, whole ones and changes.
 *
 * @module
 */

import type { CheckpointRecord, LoadedRecord, RunSummary } from "../pipeline/checkpointer.ts";
import { fromStored, summarize } from "../pipeline/record.ts";
import {
  foldHistory,
  foldLatest,
  isStoredChange,
  type StoredChange,
  writerMark,
} from "../pipeline/stored_change.ts";
import type { Row } from "./postgres_client.ts";

/** A row as Postgres makes JSON of it, which no driver reads differently. */
interface Columns {
  readonly [column: string]: unknown;
}

/**
 * The record that rows stand for: a whole one, and the changes since, oldest first.
 *
 * @throws {TypeError} If they are no such rows.
 * @throws {RecordVersionError} If a newer version of this package wrote them.
 */
export function latestOf(rows: readonly Row[]): LoadedRecord | undefined {
  const [first, ...changes] = rows.map(columnsOf);
  const last = rows.at(-1);
  if (first === undefined || last === undefined) return undefined;
  const record = foldLatest(wholeOf(first), changes.map(changeOf), where(first));
  return { ...record, idleMs: idleMsOf(last) };
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
  for (const row of rows.map(columnsOf)) {
    if (isChange(row)) {
      left.push(changeOf(row));
    } else {
      histories.push(foldHistory(wholeOf(row), left.splice(0).reverse(), where(row)));
    }
  }
  return histories;
}

/** What `listRuns` tells of a run by its latest row, from which the state was left out. */
export function summaryOf(row: Row): RunSummary {
  const record = wholeOf({ ...columnsOf(row), state: {}, completed_nodes: [] });
  return summarize({ ...record, idleMs: idleMsOf(row) });
}

/** The sequence of a row; 0 if it has none. */
export function sequenceOf(row: Row): number {
  return Number(columnsOf(row).sequence ?? 0);
}

function columnsOf({ record }: Row): Columns {
  if (typeof record === "string") return JSON.parse(record);
  throw new TypeError("Cannot read what the Postgres client answered: it is no row of text");
}

function isChange(row: Columns): boolean {
  return typeof row.base_sequence === "number";
}

function wholeOf(row: Columns): CheckpointRecord {
  const { details, state, completed_nodes, ...columns } = row;
  const stored = {
    ...withoutNull(columns),
    state,
    completed_nodes,
    saved_at: savedAtOf(row),
    ...detailsOf(details),
  };
  return fromStored(stored, where(row), "");
}

function changeOf(row: Columns): StoredChange {
  const { sequence, node_id, status, paused, pause_reason, writer, details } = row;
  const stored = {
    ...withoutNull({ sequence, node_id, status, paused, pause_reason }),
    writer: writerMark(String(writer)),
    saved_at: savedAtOf(row),
    ...detailsOf(details),
  };
  if (isStoredChange(stored)) return stored;
  throw new TypeError(`Cannot read ${where(row)}: it is no checkpoint`);
}

function where({ sequence, run_id }: Columns): string {
  return `checkpoint ${sequence} of run "${run_id}" in Postgres`;
}

/** By the writer's clock; where the Python framework wrote, by the server's. */
function savedAtOf({ saved_at, created_at }: Columns): string {
  return new Date(String(saved_at ?? created_at)).toISOString();
}

/** By the server's clock alone. */
function idleMsOf(row: Row): number {
  const { created_at, touched_at } = columnsOf(row);
  const heardAt = [created_at, touched_at].map((time) => Date.parse(String(time)));
  return Number(row.now) * 1_000 - Math.max(...heardAt.filter((time) => !Number.isNaN(time)));
}

function withoutNull(columns: Columns): Columns {
  return Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== null));
}

function detailsOf(details: unknown): object | undefined {
  return typeof details === "string" ? JSON.parse(details) : undefined;
}
