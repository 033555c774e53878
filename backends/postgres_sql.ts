/**
 * The statements that list, touch and remove, one function each. Every one is one round trip and,
 * where it writes, one commit; none leaves anything behind in its session.
 *
 * @module
 */

import { quote } from "./postgres_quote.ts";
import { quoteName } from "./postgres_schema.ts";

/** A run, by its key columns. */
export interface RunKey {
  /** Key of the pipeline's name. */
  readonly pipeline: string;
  /** Key of the run's id. */
  readonly run: string;
}

/** Some checkpoints of a run, newest first, below a sequence. */
export function historySql(tableName: string, key: RunKey, below: number, limit: number): string {
  const older = below === Infinity ? "" : `AND sequence < ${below} `;
  return `SELECT ${RECORD} AS record FROM ${quoteName(tableName)} stored WHERE ${
    isRun(key)
  } ${older}` +
    `ORDER BY sequence DESC LIMIT ${limit}`;
}

/**
 * The latest checkpoint of every run of a pipeline, without its state, newest first. Steps from run
 * to run through the primary key, backwards, where the first entry of each run is its latest one: so
 * the cost is that of the runs, not of their checkpoints.
 * Source: https://wiki.postgresql.org/wiki/Loose_indexscan
 */
export function listSql(tableName: string, pipelineKey: string, more: ListFilter): string {
  const one = `SELECT ${LISTED} FROM ${quoteName(tableName)} stored ` +
    `WHERE pipeline_name = ${quote(pipelineKey)}`;
  const last = `ORDER BY run_id DESC, sequence DESC LIMIT 1`;
  const status = more.status === undefined ? "" : `WHERE ${STATUS} = ${quote(more.status)} `;
  const limit = more.limit === Infinity ? "" : ` LIMIT ${more.limit}`;
  return `WITH RECURSIVE latest AS ((${one} ${last}) UNION ALL SELECT next.* FROM latest ` +
    `CROSS JOIN LATERAL (${one} AND stored.run_id < latest.run_id ${last}) next) ` +
    `SELECT ${SUMMARY} FROM latest ${status}` +
    `ORDER BY latest.created_at DESC, latest.saved_at DESC, latest.run_id${limit}`;
}

/** Which runs are listed. */
export interface ListFilter {
  /** Only runs of this status. */
  readonly status?: string;
  /** At most so many. */
  readonly limit: number;
}

/** Notes that a run's worker is alive; no row comes back if its latest row is another writer's. */
export function touchSql(tableName: string, key: RunKey, writer: string): string {
  const table = quoteName(tableName);
  return `UPDATE ${table} SET touched_at = now() WHERE ${isRun(key)} AND sequence = ` +
    `(SELECT sequence FROM ${table} WHERE ${isRun(key)} ORDER BY sequence DESC LIMIT 1) ` +
    `AND writer = ${quote(writer)} RETURNING sequence`;
}

/**
 * Removes some of a run's checkpoints below a sequence, oldest first, and tells which. The first of
 * the others needs the whole record that its chain begins with, and all between the two.
 */
export function trimSql(tableName: string, key: RunKey, below: number, limit: number): string {
  const table = quoteName(tableName);
  return `DELETE FROM ${table} WHERE ${
    isRun(key)
  } AND sequence IN (SELECT sequence FROM ${table} ` +
    `WHERE ${isRun(key)} AND sequence < (SELECT COALESCE(base_sequence, sequence) FROM ${table} ` +
    `WHERE ${isRun(key)} AND sequence >= LEAST(${below}, (SELECT max(sequence) FROM ${table} ` +
    `WHERE ${isRun(key)})) ORDER BY sequence LIMIT 1) ORDER BY sequence LIMIT ${limit}) ` +
    `RETURNING sequence`;
}

/**
 * Removes a run and what is saved of it meanwhile, in one transaction, so that nobody sees a part of
 * it: changes whose whole checkpoint is gone already.
 */
export function deleteAllSql(tableName: string, key: RunKey): string {
  const one = `DELETE FROM ${quoteName(tableName)} WHERE ${isRun(key)}`;
  return `DO ${quote(`BEGIN LOOP ${one}; EXIT WHEN NOT FOUND; END LOOP; END`)}`;
}

/** Removes a run, as far as it is seen; no row comes back if there was none. */
export function deleteSql(tableName: string, key: RunKey): string {
  return `WITH deleted AS (DELETE FROM ${quoteName(tableName)} WHERE ${isRun(key)} RETURNING 1) ` +
    `SELECT 1 AS more FROM deleted LIMIT 1`;
}

/** What a run is doing, also where the Python framework stored it. */
const STATUS = `COALESCE(latest.status, CASE WHEN latest.paused THEN 'paused' ELSE 'running' END)`;

/**
 * A row as JSON text, for drivers differ in what they make of JSON and of times, and since it is less
 * work than a text of each column: a whole record as an object, a change as a list.
 */
export const RECORD = `CASE WHEN base_sequence IS NULL THEN row_to_json(stored)::text ELSE ` +
  `json_build_array(sequence, node_id, status, pause_reason, saved_at, writer, details::json)::text END`;

/** The columns that a list needs: what is in the others would be carried from run to run. */
const LISTED = "run_id, sequence, node_id, paused, pause_reason, status, saved_at, created_at, " +
  "touched_at, details";

/**
 * What `listRuns` tells, and needs of the details. A text of each column: to make JSON of so many short
 * rows takes the server half as long again. But of a time as JSON, which no setting changes.
 */
const SUMMARY = `run_id, sequence::text, node_id, ${STATUS} AS status, pause_reason, details, ` +
  `to_json(COALESCE(saved_at, created_at))::text AS saved_at, ` +
  `extract(epoch FROM now() - GREATEST(created_at, touched_at))::text AS idle`;

/** Whether a row is of a run. */
export function isRun({ pipeline, run }: RunKey): string {
  return `pipeline_name = ${quote(pipeline)} AND run_id = ${quote(run)}`;
}
