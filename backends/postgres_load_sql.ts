/**
 * Loading the latest checkpoint of a run.
 *
 * @module
 */

import { COVERED, leadingTo } from "../pipeline/cover.ts";
import type { Statement } from "./postgres_prepared.ts";
import { quote } from "./postgres_quote.ts";
import { quoteName } from "./postgres_schema.ts";
import { isRun, RECORD, type RunKey } from "./postgres_sql.ts";

/**
 * The latest checkpoint of a run, and for how many seconds nothing was heard of its worker. Where a
 * session keeps the statement, also what leads to it, as {@linkcode leadingSql} tells it, as it stood at
 * the same moment. To plan for that takes the server longer than to plan for the latest alone, which is
 * all that most loads need: who loads once does not wait for it.
 *
 * Planned for a table of a few rows that was analyzed, it reads all of them, again and again for a long
 * chain. When there are more, it is planned anew as soon as the table is analyzed, which autovacuum does
 * within minutes.
 */
export const LOAD: Statement<RunKey> = {
  name: "firefly_load_2",
  plainSql: (tableName, key) => `SELECT ${TOLD} FROM (${latestSql(tableName, isRun(key))}) stored`,
  prepareSql: (name, tableName) =>
    `PREPARE ${quoteName(name)} (text, text) AS ${allSql(tableName)}`,
  executeSql: (name, { pipeline, run }) =>
    `EXECUTE ${quoteName(name)} (${quote(pipeline)}, ${quote(run)})`,
};

/** A change that a run stands at, as far as what leads to it depends on it. */
export interface LatestChange {
  /** Sequence of the whole checkpoint that its chain begins with. */
  readonly base: number;
  /** Its own sequence. */
  readonly sequence: number;
  /** Key of its writer's id; the others of its chain are the same writer's. */
  readonly writer: string;
  /** Whether every change before it is needed. */
  readonly needsAll: boolean;
}

/**
 * What leads to a change, in no order: the whole checkpoint that its chain begins with, and of the
 * changes between no more than their place and details, from which the latest is folded. To sort so many
 * texts would take the server as long as a fifth of the rest.
 *
 * Each row is looked up, and limited to the one that there can be: where Postgres expects few rows of a
 * run, it would otherwise read all of them, however long its history is.
 */
export function leadingSql(
  tableName: string,
  key: RunKey,
  { base, sequence, writer, needsAll }: LatestChange,
): string {
  const rows = `SELECT * FROM ${quoteName(tableName)} WHERE ${isRun(key)} ` +
    `AND writer = ${quote(writer)} AND sequence`;
  const stored = needsAll
    ? `(${rows} >= ${base} AND sequence < ${sequence})`
    : `unnest('{${leadingTo(base, sequence).join()}}'::int[]) needed (at) ` +
      `CROSS JOIN LATERAL (${rows} = needed.at LIMIT 1)`;
  return `SELECT ${LEADING} AS record FROM ${stored} stored`;
}

function latestSql(tableName: string, ofRun: string): string {
  return `SELECT * FROM ${quoteName(tableName)} WHERE ${ofRun} ORDER BY sequence DESC LIMIT 1`;
}

/** The latest checkpoint, and what leads to it, unless that is every change before it. */
function allSql(tableName: string): string {
  const ofRun = `pipeline_name = $1 AND run_id = $2`;
  return `WITH latest AS (${latestSql(tableName, ofRun)}) SELECT ${TOLD} FROM latest stored ` +
    `UNION ALL SELECT ${LEADING}, NULL, NULL FROM (SELECT * FROM latest ` +
    `WHERE base_sequence IS NOT NULL AND strpos(details, 'needs_all') = 0) latest ` +
    `CROSS JOIN LATERAL ${NEEDED} needed (at) CROSS JOIN LATERAL (SELECT * ` +
    `FROM ${quoteName(tableName)} WHERE ${ofRun} AND writer = latest.writer ` +
    `AND sequence = needed.at LIMIT 1) stored`;
}

const TOLD = `sequence, node_id, ${RECORD} AS record, base_sequence::text AS base, ` +
  `extract(epoch FROM now() - GREATEST(created_at, touched_at))::text AS idle`;

const LEADING = `stored.sequence, stored.node_id, CASE WHEN stored.base_sequence IS NULL ` +
  `THEN row_to_json(stored)::text ELSE stored.details END`;

/**
 * The sequences of `leadingTo`. As a list, of which Postgres expects ten: of a series it expects a
 * thousand, and may then plan every load anew, by costs that are as much higher.
 */
const NEEDED = `unnest(ARRAY(SELECT generate_series(base_sequence, sequence - 1, ${COVERED}) ` +
  `UNION ALL SELECT generate_series(sequence - (sequence - base_sequence) % ${COVERED} + 1, ` +
  `sequence - 1)))`;
