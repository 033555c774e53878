/**
 * Finding the latest checkpoint of a run.
 *
 * @module
 */

import type { Statement } from "./postgres_prepared.ts";
import { quote } from "./postgres_quote.ts";
import { quoteName } from "./postgres_schema.ts";
import { RECORD, type RunKey } from "./postgres_sql.ts";

/**
 * Finds the latest checkpoint of a run, for how many seconds nothing was heard of its worker, and
 * where it is a change, the sequence of the whole one that its chain begins with. What is between the
 * two, `chainSql` tells: to ask for all in one statement would cost every load the planning of a
 * second scan.
 *
 * Planned for a table of a few rows that was analyzed, it reads all of them. When there are more, it
 * is planned anew as soon as the table is analyzed, which autovacuum does within minutes.
 */
export const FIND_LATEST: Statement<RunKey> = {
  name: "firefly_load_1",
  plainSql: (tableName, { pipeline, run }) => select(tableName, quote(pipeline), quote(run)),
  prepareSql: (name, tableName) =>
    `PREPARE ${quoteName(name)} (text, text) AS ${select(tableName, "$1", "$2")}`,
  executeSql: (name, { pipeline, run }) =>
    `EXECUTE ${quoteName(name)} (${quote(pipeline)}, ${quote(run)})`,
};

function select(tableName: string, pipeline: string, run: string): string {
  return `SELECT ${RECORD} AS record, base_sequence::text AS base, ` +
    `extract(epoch FROM now() - GREATEST(created_at, touched_at))::text AS idle ` +
    `FROM ${quoteName(tableName)} stored WHERE pipeline_name = ${pipeline} AND run_id = ${run} ` +
    `ORDER BY sequence DESC LIMIT 1`;
}
