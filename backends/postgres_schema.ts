/**
 * The table: its columns, the statements that make it, and names that it may have.
 *
 * @module
 */

import { quote } from "./postgres_quote.ts";

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

/** The name of a table as it stands in SQL. */
export function quoteName(tableName: string): string {
  return `"${tableName}"`;
}
