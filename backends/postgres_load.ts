/**
 * Loading the latest checkpoint of a run.
 *
 * @module
 */

import type { LoadedRecord } from "../pipeline/checkpointer.ts";
import type { RunSql } from "./postgres_client.ts";
import { foldedLatest, type Latest, latestOf } from "./postgres_records.ts";
import { chainSql, latestSql, type RunKey } from "./postgres_sql.ts";

/**
 * Loads the latest checkpoint in one statement, or in two where it is a change: what it changes may
 * be gone by the second one where the run went on meanwhile, and it is then looked for anew.
 *
 * @throws {TypeError} If what is stored is damaged.
 * @throws {RecordVersionError} If a newer version of this package wrote it.
 */
export async function loadLatest(
  query: RunSql,
  tableName: string,
  key: RunKey,
): Promise<LoadedRecord | undefined> {
  let before: string | undefined;
  for (;;) {
    const latest = await latestIn(query, tableName, key);
    if (latest === undefined) return undefined;
    if ("record" in latest) return latest.record;
    const { change, span, idleMs } = latest;
    const record = foldedLatest(await query(chainSql(tableName, key, span)), change);
    if (record !== undefined) return { ...record, idleMs };
    // A run that was deleted and begun anew may come to the same sequence, by another writer.
    const seen = `${change.sequence} ${span.writer}`;
    if (seen === before) throw lostChain(key, change.sequence);
    before = seen;
  }
}

async function latestIn(
  query: RunSql,
  tableName: string,
  key: RunKey,
): Promise<Latest | undefined> {
  const [row] = await query(latestSql(tableName, key));
  return row && latestOf(row);
}

function lostChain({ run, pipeline }: RunKey, sequence: number): TypeError {
  return new TypeError(
    `Cannot read run "${run}" of pipeline "${pipeline}" in Postgres: the whole checkpoint is gone ` +
      `that checkpoint ${sequence} is a change of`,
  );
}
