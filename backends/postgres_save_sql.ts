/**
 * The statements that save. Every one is one round trip and one commit.
 *
 * @module
 */

import type { Statement } from "./postgres_prepared.ts";
import { quote, quoteOrNull } from "./postgres_quote.ts";
import type { StoredRow } from "./postgres_row.ts";
import { COLUMNS, quoteName } from "./postgres_schema.ts";
import { isRun, type RunKey } from "./postgres_sql.ts";

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
function saveSql(tableName: string, row: StoredRow): string {
  const table = quoteName(tableName);
  const { sequence, upon } = row;
  const run = `FROM ${table} WHERE ${isRun(row)}`;
  const stored = upon === undefined
    ? `CASE WHEN EXISTS (SELECT ${run} AND sequence > ${sequence}) THEN NULL ELSE ${sequence} END`
    : `(SELECT ${sequence} ${run} AND sequence = ${upon.sequence} AND ${WRITER} = ` +
      `${quote(upon.writer)}${isLatestBelow(run, upon.sequence, sequence)} FOR KEY SHARE)`;
  return `INSERT INTO ${table} AS stored (${WRITTEN.join(", ")}) VALUES (${
    literalsOf(row, stored).join(", ")
  })`;
}

/** What a row's columns are to hold, in the order of `WRITTEN`. */
function literalsOf(row: StoredRow, sequence: number | string): readonly unknown[] {
  return [
    quote(row.pipeline),
    quote(row.run),
    sequence,
    quote(row.node),
    quote(row.state),
    quote(row.completedNodes),
    row.paused,
    quoteOrNull(row.pauseReason),
    quoteOrNull(row.status),
    quote(row.writer),
    quoteOrNull(row.savedAt),
    quote(row.details),
    row.base ?? "NULL",
  ];
}

/**
 * Has a session keep, under a name, what {@linkcode saveSql} does with a checkpoint that is saved upon
 * the one right before it.
 */
function prepareSql(name: string, tableName: string): string {
  const table = quoteName(tableName);
  const parameters = [...WRITTEN, "upon_sequence", "upon_writer"];
  const types = [...WRITTEN.map((column) => COLUMNS.get(column)), "integer", "text"];
  const given = (parameter: string) => `$${parameters.indexOf(parameter) + 1}`;
  const stored = `(SELECT ${given("sequence")} FROM ${table} WHERE ` +
    `pipeline_name = ${given("pipeline_name")} AND run_id = ${given("run_id")} ` +
    `AND sequence = ${given("upon_sequence")} AND ${WRITER} = ${
      given("upon_writer")
    } FOR KEY SHARE)`;
  const values = WRITTEN.map((column) => column === "sequence" ? stored : given(column));
  return `PREPARE ${quoteName(name)} (${types.join(", ")}) AS ` +
    `INSERT INTO ${table} (${WRITTEN.join(", ")}) VALUES (${values.join(", ")})`;
}

/** Does what {@linkcode prepareSql} had a session keep, for nearly all rows. */
function executeSql(name: string, row: StoredRow): string | undefined {
  const { sequence, upon } = row;
  if (upon?.sequence !== sequence - 1) return undefined;
  const given = [...literalsOf(row, sequence), upon.sequence, quote(upon.writer)];
  return `EXECUTE ${quoteName(name)} (${given.join(", ")})`;
}

/** Saves one row; its errors are those of {@linkcode saveSql}. */
export const SAVE_ROW: Statement<StoredRow> = {
  name: "firefly_save_1",
  plainSql: saveSql,
  prepareSql,
  executeSql,
};

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
