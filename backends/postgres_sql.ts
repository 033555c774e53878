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
  ["base_sequence", "integer"],
  ["touched_at", "timestamp with time zone"],
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
  ADD COLUMN IF NOT EXISTS details TEXT DEFAULT NULL,
  ADD COLUMN IF NOT EXISTS base_sequence INT DEFAULT NULL,
  ADD COLUMN IF NOT EXISTS touched_at TIMESTAMPTZ DEFAULT NULL;
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

/**
 * Tells the columns of the table and their types, and whether a unique index keeps sequences apart;
 * no rows if there is no table.
 */
export function columnsSql(tableName: string): string {
  const table = `to_regclass(${quote(quoteName(tableName))})`;
  const names = "(SELECT array_agg(c.attname::text ORDER BY c.attname) FROM pg_attribute c " +
    "WHERE c.attrelid = i.indrelid AND c.attnum = ANY (i.indkey))";
  return `SELECT attname::text AS name, format_type(atttypid, NULL) AS type, EXISTS (SELECT ` +
    `FROM pg_index i WHERE i.indrelid = ${table} AND i.indisunique AND i.indisvalid ` +
    `AND i.indpred IS NULL AND i.indnatts = 3 AND ${names} = ARRAY['${KEY.join("', '")}']) ` +
    `AS is_keyed FROM pg_attribute WHERE attrelid = ${table} AND attnum > 0 AND NOT attisdropped`;
}

/** The columns of the primary key. */
const KEY: readonly string[] = ["pipeline_name", "run_id", "sequence"];

/** The columns that a save writes. */
const WRITTEN = [...COLUMNS.keys()].filter((column) =>
  column !== "created_at" && column !== "touched_at"
);

/**
 * Saves a checkpoint of which nothing is stored yet. If its sequence is, the primary key refuses it
 * ({@linkcode KEY_TAKEN}). If a later one is, or if what it is to be saved upon is not the latest,
 * the sequence becomes NULL, which {@linkcode NULL_REFUSED} refuses. Without `ON CONFLICT`, and with
 * the question as a value, the planner takes the least time for it.
 *
 * What it is saved upon is locked, so that who deletes the run waits for the save, and the save for
 * who deletes: of a deleted run nothing comes back.
 */
export function saveSql(tableName: string, row: StoredRow): string {
  const table = quoteName(tableName);
  const { sequence, upon, base = "NULL" } = row;
  const run = `FROM ${table} WHERE ${isRun(row)}`;
  const stored = upon === undefined
    ? `CASE WHEN EXISTS (SELECT ${run} AND sequence > ${sequence}) THEN NULL ELSE ${sequence} END`
    : `(SELECT ${sequence} ${run} AND sequence = ${upon.sequence} AND ${WRITER} = ` +
      `${quote(upon.writer)}${isLatestBelow(run, upon.sequence, sequence)} FOR KEY SHARE)`;
  return `INSERT INTO ${table} AS stored (${WRITTEN.join(", ")}) VALUES (` +
    `${quote(row.pipeline)}, ${quote(row.run)}, ${stored}, ` +
    `${quote(row.node)}, ${quote(row.state)}, ${quote(row.completedNodes)}, ${row.paused}, ` +
    `${quoteOrNull(row.pauseReason)}, ${quoteOrNull(row.status)}, ${quote(row.writer)}, ` +
    `${quoteOrNull(row.savedAt)}, ${quote(row.details)}, ${base})`;
}

/** Where sequences have a gap, the primary key does not tell whether there is one in between. */
function isLatestBelow(run: string, upon: number, sequence: number): string {
  if (upon === sequence - 1) return "";
  return ` AND NOT EXISTS (SELECT ${run} AND sequence > ${upon} AND sequence <> ${sequence})`;
}

/** Who saved a row; the Python framework does not say. */
const WRITER = "COALESCE(writer, '')";

/**
 * Saves a whole checkpoint anew whose sequence is stored, if it is the latest and it was this writer
 * who did; otherwise no row comes back.
 */
export function saveAgainSql(tableName: string, row: StoredRow): string {
  const table = quoteName(tableName);
  return `UPDATE ${table} SET node_id = ${quote(row.node)}, state = ${quote(row.state)}, ` +
    `completed_nodes = ${quote(row.completedNodes)}, paused = ${row.paused}, ` +
    `pause_reason = ${quoteOrNull(row.pauseReason)}, status = ${quoteOrNull(row.status)}, ` +
    `saved_at = ${quoteOrNull(row.savedAt)}, details = ${quote(row.details)}, ` +
    `base_sequence = NULL, created_at = now() WHERE ${isRun(row)} ` +
    `AND sequence = ${row.sequence} AND writer = ${quote(row.writer)} AND NOT EXISTS ` +
    `(SELECT FROM ${table} WHERE ${isRun(row)} AND sequence > ${row.sequence}) ` +
    `RETURNING sequence`;
}

/**
 * Saves checkpoints of different runs, of each what {@linkcode saveSql} would save. Those that it
 * would refuse are left out; the keys of the others come back.
 */
export function saveManySql(tableName: string, rows: readonly StoredRow[]): string {
  const table = quoteName(tableName);
  // In the order of their keys: two workers that save the same rows then never wait in a circle.
  const sorted = rows.toSorted((one, other) => compareKeys(one, other));
  const json = `[${sorted.map(rowToJson).join()}]`;
  const types = [
    ...WRITTEN.map((column) => `${column} ${COLUMNS.get(column)}`),
    "upon_sequence int",
    "upon_writer text",
  ];
  const values = WRITTEN.map((column) =>
    COLUMNS.get(column) === "jsonb" ? `COALESCE(saved.${column}, 'null')` : `saved.${column}`
  );
  return `INSERT INTO ${table} (${WRITTEN.join(", ")}) SELECT ${values.join(", ")} ` +
    `FROM json_to_recordset(${quote(json)}) AS saved (${types.join(", ")}) WHERE COALESCE(` +
    `(SELECT CASE WHEN saved.upon_sequence IS NULL THEN latest.sequence < saved.sequence ` +
    `ELSE latest.sequence = saved.upon_sequence ` +
    `AND COALESCE(latest.writer, '') = saved.upon_writer END ` +
    `FROM ${table} latest WHERE latest.pipeline_name = saved.pipeline_name ` +
    `AND latest.run_id = saved.run_id ORDER BY latest.sequence DESC LIMIT 1 FOR KEY SHARE), ` +
    `saved.upon_sequence IS NULL) ON CONFLICT DO NOTHING RETURNING pipeline_name, run_id`;
}

/** A row by column, its JSON as it is. */
function rowToJson(row: StoredRow): string {
  const { state, completedNodes } = row;
  const columns = JSON.stringify({
    pipeline_name: row.pipeline,
    run_id: row.run,
    sequence: row.sequence,
    node_id: row.node,
    paused: row.paused,
    pause_reason: row.pauseReason,
    status: row.status,
    writer: row.writer,
    saved_at: row.savedAt,
    details: row.details,
    base_sequence: row.base,
    upon_sequence: row.upon?.sequence,
    upon_writer: row.upon?.writer,
  });
  return `${columns.slice(0, -1)},"state":${state},"completed_nodes":${completedNodes}}`;
}

function compareKeys(one: RunKey, other: RunKey): number {
  const [first, second] = [one.pipeline + "\0" + one.run, other.pipeline + "\0" + other.run];
  return first < second ? -1 : first > second ? 1 : 0;
}

/** SQLSTATE unique_violation. */
export const KEY_TAKEN = "23505";
/** SQLSTATE not_null_violation. */
export const NULL_REFUSED = "23502";

/**
 * The latest checkpoint of a run, for how many seconds nothing was heard of its worker, and where it
 * is a change, the sequence of the whole one that its chain begins with. What is between the two,
 * {@linkcode chainSql} tells: to ask for all in one statement would cost every load the planning of a
 * second scan.
 */
export function latestSql(tableName: string, key: RunKey): string {
  return `SELECT ${RECORD} AS record, base_sequence::text AS base, ` +
    `extract(epoch FROM now() - GREATEST(created_at, touched_at))::text AS idle ` +
    `FROM ${quoteName(tableName)} stored WHERE ${isRun(key)} ORDER BY sequence DESC LIMIT 1`;
}

/** A part of a run's history that one writer saved. */
export interface Span {
  /** Sequence of the first checkpoint. */
  readonly from: number;
  /** The sequence after the last one. */
  readonly below: number;
  /** Key of the writer's id. */
  readonly writer: string;
}

/**
 * A chain of checkpoints, oldest first: the whole one that it begins with, and of each change its
 * details alone, from which the latest checkpoint is folded.
 */
export function chainSql(tableName: string, key: RunKey, { from, below, writer }: Span): string {
  return `SELECT sequence::text AS sequence, ` +
    `CASE WHEN base_sequence IS NULL THEN row_to_json(stored)::text ELSE details END AS record ` +
    `FROM ${quoteName(tableName)} stored WHERE ${isRun(key)} AND sequence >= ${from} ` +
    `AND sequence < ${below} AND writer = ${quote(writer)} ORDER BY stored.sequence`;
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
const RECORD = `CASE WHEN base_sequence IS NULL THEN row_to_json(stored)::text ELSE ` +
  `json_build_array(sequence, node_id, status, pause_reason, saved_at, writer, details::json)::text END`;

/** What `listRuns` tells, and needs of the details. */
const SUMMARY = `json_build_object('pipeline_name', pipeline_name, 'run_id', latest.run_id, ` +
  `'sequence', sequence, 'node_id', node_id, 'paused', paused, 'pause_reason', pause_reason, ` +
  `'status', status, 'writer', writer, 'saved_at', saved_at, 'created_at', created_at, ` +
  `'details', details)::text AS record, ` +
  `extract(epoch FROM now() - GREATEST(created_at, touched_at))::text AS idle`;

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
