/**
 * The statements, one function each. Every one is one round trip and, where it writes, one commit;
 * none leaves anything behind in its session.
 *
 * @module
 */

import { quote, quoteOrNull } from "./postgres_quote.ts";
import type { StoredRow } from "./postgres_row.ts";

/** A run, by its key columns. */
export interface RunKey {
  /** Key of the pipeline's name. */
  readonly pipeline: string;
  /** Key of the run's id. */
  readonly run: string;
}

/** The columns of the Python framework's table, then ours, with their types as Postgres says them. */
export const COLUMNS: ReadonlyMap<string, string> = new Map([
  ["pipeline_name", "text"],
  ["run_id", "text"],
  ["sequence", "integer"],
  ["node_id", "text"],
  ["state", "jsonb"],
  ["completed_nodes", "jsonb"],
  ["created_at", "timestamp with time zone"],
  ["paused", "boolean"],
  ["pause_reason", "text"],
  ["status", "text"],
  ["writer", "text"],
  ["saved_at", "timestamp with time zone"],
  ["details", "text"],
]);

/**
 * The statements that make the table, and add our columns to one that the Python framework made.
 * They may be run again and again.
 *
 * @param tableName Name of the table. Default `firefly_checkpoints`.
 * @throws {TypeError} If the name holds anything but letters, digits and `_`.
 */
export function postgresSchema(tableName = "firefly_checkpoints"): string {
  checkTableName(tableName);
  const table = quoteName(tableName);
  return `CREATE TABLE IF NOT EXISTS ${table} (
  pipeline_name TEXT NOT NULL,
  run_id TEXT NOT NULL,
  sequence INT NOT NULL,
  node_id TEXT NOT NULL,
  state JSONB NOT NULL,
  completed_nodes JSONB NOT NULL,
  created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (pipeline_name, run_id, sequence)
);
ALTER TABLE ${table}
  ADD COLUMN IF NOT EXISTS paused BOOLEAN NOT NULL DEFAULT false,
  ADD COLUMN IF NOT EXISTS pause_reason TEXT DEFAULT NULL,
  ADD COLUMN IF NOT EXISTS status TEXT DEFAULT NULL,
  ADD COLUMN IF NOT EXISTS writer TEXT DEFAULT NULL,
  ADD COLUMN IF NOT EXISTS saved_at TIMESTAMPTZ DEFAULT NULL,
  ADD COLUMN IF NOT EXISTS details TEXT DEFAULT NULL;
`;
}

/**
 * The schema as one statement, so that it is one transaction under every driver. The lock makes
 * instances that start together take turns: `IF NOT EXISTS` alone does not.
 */
export function createSql(tableName: string): string {
  return `DO ${
    quote(`BEGIN
PERFORM set_config('client_min_messages', 'warning', true);
PERFORM pg_advisory_xact_lock(hashtext('@firefly/pipeline'), hashtext(${quote(tableName)}));
${postgresSchema(tableName)}END`)
  }`;
}

/** Tells the columns of the table and their types; no rows if there is no table. */
export function columnsSql(tableName: string): string {
  return `SELECT attname::text AS name, format_type(atttypid, NULL) AS type FROM pg_attribute ` +
    `WHERE attrelid = to_regclass(${quote(quoteName(tableName))}) AND attnum > 0 ` +
    `AND NOT attisdropped`;
}

/**
 * Saves a checkpoint of which nothing is stored yet. If its sequence is, the primary key refuses it
 * ({@linkcode KEY_TAKEN}); if a later one is, the sequence becomes NULL, which
 * {@linkcode NULL_REFUSED} refuses. Without `ON CONFLICT`, and with the look for a later one as a
 * value, the planner takes the least time for it.
 */
export function saveSql(tableName: string, row: StoredRow): string {
  return insertSql(tableName, row);
}

/**
 * Saves a checkpoint whose sequence is stored already, if it was this writer who did; otherwise no
 * row comes back. A later one is refused as in {@linkcode saveSql}.
 */
export function saveAgainSql(tableName: string, row: StoredRow): string {
  return `${insertSql(tableName, row)} ` +
    `ON CONFLICT (pipeline_name, run_id, sequence) DO UPDATE SET node_id = EXCLUDED.node_id, ` +
    `state = EXCLUDED.state, completed_nodes = EXCLUDED.completed_nodes, created_at = now(), ` +
    `paused = EXCLUDED.paused, pause_reason = EXCLUDED.pause_reason, status = EXCLUDED.status, ` +
    `saved_at = EXCLUDED.saved_at, details = EXCLUDED.details ` +
    `WHERE stored.writer = EXCLUDED.writer RETURNING sequence`;
}

function insertSql(tableName: string, row: StoredRow): string {
  const table = quoteName(tableName);
  const [pipeline, run] = [quote(row.pipeline), quote(row.run)];
  return `INSERT INTO ${table} AS stored (pipeline_name, run_id, sequence, node_id, state, ` +
    `completed_nodes, paused, pause_reason, status, writer, saved_at, details) VALUES (${pipeline}, ${run}, ` +
    `CASE WHEN EXISTS (SELECT FROM ${table} WHERE pipeline_name = ${pipeline} ` +
    `AND run_id = ${run} AND sequence > ${row.sequence}) THEN NULL ELSE ${row.sequence} END, ` +
    `${quote(row.node)}, ${quote(row.state)}, ${quote(row.completedNodes)}, ${row.paused}, ` +
    `${quoteOrNull(row.pauseReason)}, ${quote(row.status)}, ${quote(row.writer)}, ` +
    `${quoteOrNull(row.savedAt)}, ${quote(row.details)})`;
}

/** SQLSTATE unique_violation. */
export const KEY_TAKEN = "23505";
/** SQLSTATE not_null_violation. */
export const NULL_REFUSED = "23502";

/** The latest checkpoint of a run. */
export function latestSql(tableName: string, key: RunKey): string {
  return `SELECT ${RECORD} FROM ${quoteName(tableName)} WHERE ${isRun(key)} ` +
    `ORDER BY sequence DESC LIMIT 1`;
}

/** Some checkpoints of a run, newest first, below a sequence. */
export function historySql(tableName: string, key: RunKey, below: number, limit: number): string {
  const older = below === Infinity ? "" : `AND sequence < ${below} `;
  return `SELECT ${RECORD} FROM ${quoteName(tableName)} WHERE ${isRun(key)} ${older}` +
    `ORDER BY sequence DESC LIMIT ${limit}`;
}

/**
 * The latest checkpoint of every run of a pipeline, without its state, newest first. Steps from run
 * to run through the primary key, so that the cost is that of the runs, not of their checkpoints.
 * Source: https://wiki.postgresql.org/wiki/Loose_indexscan
 */
export function listSql(tableName: string, pipelineKey: string, more: ListFilter): string {
  const table = quoteName(tableName);
  const pipeline = quote(pipelineKey);
  const status = more.status === undefined ? "" : `AND ${STATUS} = ${quote(more.status)} `;
  const limit = more.limit === Infinity ? "" : ` LIMIT ${more.limit}`;
  return `WITH RECURSIVE runs AS (` +
    `(SELECT run_id FROM ${table} WHERE pipeline_name = ${pipeline} ORDER BY run_id LIMIT 1) ` +
    `UNION ALL SELECT (SELECT t.run_id FROM ${table} t WHERE t.pipeline_name = ${pipeline} ` +
    `AND t.run_id > runs.run_id ORDER BY t.run_id LIMIT 1) FROM runs ` +
    `WHERE runs.run_id IS NOT NULL) ` +
    `SELECT ${SUMMARY} FROM runs CROSS JOIN LATERAL (SELECT * FROM ${table} t ` +
    `WHERE t.pipeline_name = ${pipeline} AND t.run_id = runs.run_id ` +
    `ORDER BY t.sequence DESC LIMIT 1) latest WHERE runs.run_id IS NOT NULL ${status}` +
    `ORDER BY latest.created_at DESC, latest.saved_at DESC, latest.run_id${limit}`;
}

/** Which runs are listed. */
export interface ListFilter {
  /** Only runs of this status. */
  readonly status?: string;
  /** At most so many. */
  readonly limit: number;
}

/** Removes a run. */
export function deleteSql(tableName: string, key: RunKey): string {
  return `DELETE FROM ${quoteName(tableName)} WHERE ${isRun(key)}`;
}

/** What a run is doing, also where the Python framework stored it. */
const STATUS = `COALESCE(latest.status, CASE WHEN latest.paused THEN 'paused' ELSE 'running' END)`;

/** As text, for drivers differ in what they make of JSON and of times. */
const SAVED_AT = `to_char(COALESCE(saved_at, created_at) AT TIME ZONE 'UTC', ` +
  `'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS saved_at`;

const RECORD = `pipeline_name, run_id, sequence, node_id, state::text AS state, ` +
  `completed_nodes::text AS completed_nodes, paused, pause_reason, status, writer, details, ` +
  SAVED_AT;

const SUMMARY = `pipeline_name, latest.run_id, sequence, node_id, '{}' AS state, ` +
  `'[]' AS completed_nodes, paused, pause_reason, status, writer, details, ${SAVED_AT}`;

function isRun({ pipeline, run }: RunKey): string {
  return `pipeline_name = ${quote(pipeline)} AND run_id = ${quote(run)}`;
}

/**
 * Refuses what is no plain name of a table, so that it can stand in SQL as it is.
 *
 * @throws {TypeError} Unless it is text of at most 63 letters, digits and `_`; Postgres cuts longer names.
 */
export function checkTableName(tableName: unknown): asserts tableName is string {
  if (typeof tableName === "string" && /^[A-Za-z0-9_]{1,63}$/.test(tableName)) return;
  throw new TypeError(
    `Cannot use "${tableName}" as a table: its name may hold up to 63 letters, digits and _`,
  );
}

function quoteName(tableName: string): string {
  return `"${tableName}"`;
}
