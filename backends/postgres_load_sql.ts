/**
 * Loading the latest checkpoint of a run.
 *
 * @module
 */

import { COVERED } from "../pipeline/cover.ts";
import type { Statement } from "./postgres_prepared.ts";
import { quote } from "./postgres_quote.ts";
import { quoteName } from "./postgres_schema.ts";
import { RECORD, type RunKey } from "./postgres_sql.ts";

/**
 * The latest checkpoint of a run, for how many seconds nothing was heard of its worker, and where it is
 * a change, what leads to it: the whole one that its chain begins with, and of the changes between no
 * more than their place and details. All as they stood at one moment, in no order: to sort so many
 * texts would take the server as long as a fifth of the rest.
 *
 * Planned for a table of a few rows that was analyzed, it reads all of them, again and again for a long
 * chain. When there are more, it is planned anew as soon as the table is analyzed, which autovacuum does
 * within minutes.
 */
export const LOAD: Statement<RunKey> = {
  name: "firefly_load_2",
  plainSql: (tableName, { pipeline, run }) => select(tableName, quote(pipeline), quote(run)),
  prepareSql: (name, tableName) =>
    `PREPARE ${quoteName(name)} (text, text) AS ${select(tableName, "$1", "$2")}`,
  executeSql: (name, { pipeline, run }) =>
    `EXECUTE ${quoteName(name)} (${quote(pipeline)}, ${quote(run)})`,
};

function select(tableName: string, pipeline: string, run: string): string {
  const ofRun = `SELECT * FROM ${quoteName(tableName)} stored ` +
    `WHERE pipeline_name = ${pipeline} AND run_id = ${run}`;
  // Limited to the one row that there can be: each is then looked up, however many are expected.
  const leading = `${ofRun} AND sequence = needed.at AND writer = latest.writer LIMIT 1`;
  return `WITH latest AS (${ofRun} ORDER BY sequence DESC LIMIT 1) ` +
    `SELECT sequence, node_id, ${RECORD} AS record, ` +
    `extract(epoch FROM now() - GREATEST(created_at, touched_at))::text AS idle ` +
    `FROM latest stored UNION ALL SELECT stored.sequence, stored.node_id, ` +
    `CASE WHEN stored.base_sequence IS NULL THEN row_to_json(stored)::text ` +
    `ELSE stored.details END, NULL FROM (SELECT *, ${STEP} AS step FROM latest) latest ` +
    `CROSS JOIN LATERAL ${NEEDED} needed (at) CROSS JOIN LATERAL (${leading}) stored`;
}

/**
 * How far one change that leads to the latest is from the next, as long as they stand for several. What
 * only looks like the mark of a chain that needs all has more of them read than are needed.
 */
const STEP = `CASE WHEN base_sequence IS NOT NULL AND strpos(details, 'needs_all') > 0 ` +
  `THEN 1 ELSE ${COVERED} END`;

/**
 * The sequences that lead to the latest one; none where that is whole. As a list, of which Postgres
 * expects ten: of a series it expects a thousand, and may then plan every load anew, by costs that are
 * as much higher.
 */
const NEEDED = `unnest(ARRAY(SELECT generate_series(base_sequence, sequence - 1, step) UNION ALL ` +
  `SELECT generate_series(sequence - (sequence - base_sequence) % step + 1, sequence - 1)))`;
