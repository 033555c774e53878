/**
 * Loading the latest checkpoint of a run.
 *
 * @module
 */

import type { LoadedRecord } from "../pipeline/checkpointer.ts";
import type { Row } from "./postgres_client.ts";
import { foldedLatest, latestOf } from "./postgres_records.ts";
import type { RunKey, Span } from "./postgres_sql.ts";

/** What is asked to load a run. */
export interface LoadQueries {
  /** Asks what `FIND_LATEST` does. */
  latest(key: RunKey): Promise<readonly Row[]>;
  /** Asks what `chainSql` does. */
  chain(key: RunKey, span: Span): Promise<readonly Row[]>;
}

/**
 * Loads the latest checkpoint in one statement, or in two where it is a change: what it changes may
 * be gone by the second one where the run went on meanwhile, and it is then looked for anew.
 *
 * @throws {TypeError} If what is stored is damaged.
 * @throws {RecordVersionError} If a newer version of this package wrote it.
 */
export async function loadLatest(
  queries: LoadQueries,
  key: RunKey,
): Promise<LoadedRecord | undefined> {
  let before: string | undefined;
  for (;;) {
    const [row] = await queries.latest(key);
    if (row === undefined) return undefined;
    const latest = latestOf(row);
    if ("record" in latest) return latest.record;
    const { change, span, idleMs } = latest;
    const record = foldedLatest(await queries.chain(key, span), change);
    if (record !== undefined) return { ...record, idleMs };
    // A run that was deleted and begun anew may come to the same sequence, by another writer.
    const seen = `${change.sequence} ${span.writer}`;
    if (seen === before) throw lostChain(key, change.sequence);
    before = seen;
  }
}

function lostChain({ run, pipeline }: RunKey, sequence: number): TypeError {
  return new TypeError(
    `Cannot read run "${run}" of pipeline "${pipeline}" in Postgres: the whole checkpoint is gone ` +
      `that checkpoint ${sequence} is a change of`,
  );
}
