/**
 * Loading the latest checkpoint of a run.
 *
 * @module
 */

import type { LoadedRecord } from "../pipeline/checkpointer.ts";
import type { Row } from "./postgres_client.ts";
import type { LatestChange } from "./postgres_load_sql.ts";
import { foldedLatest, latestOf } from "./postgres_records.ts";
import type { RunKey } from "./postgres_sql.ts";

/** What is asked to load a run. */
export interface LoadQueries {
  /** Asks what `LOAD` does. */
  latest(key: RunKey): Promise<readonly Row[]>;
  /** Asks what `leadingSql` does. */
  leading(key: RunKey, change: LatestChange): Promise<readonly Row[]>;
}

/**
 * Loads the latest checkpoint. Where that is a change, what leads to it came along or is asked for: it
 * may be gone by then where the run went on meanwhile, and the latest is then looked for anew.
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
    const found = await queries.latest(key);
    const [row, ...along] = found.toSorted((one, other) => sequenceIn(other) - sequenceIn(one));
    if (row === undefined) return undefined;
    const latest = latestOf(row);
    if ("record" in latest) return latest.record;
    const { change, at, idleMs } = latest;
    const rows = along.length > 0 ? along : await queries.leading(key, at);
    const record = foldedLatest(rows, change);
    if (record !== undefined) return { ...record, idleMs };
    // A run that was deleted and begun anew may come to the same sequence, by another writer.
    const seen = `${change.sequence} ${at.writer}`;
    if (seen === before) throw lostChain(key, change.sequence);
    before = seen;
  }
}

function sequenceIn({ sequence }: Row): number {
  return Number(sequence);
}

function lostChain({ run, pipeline }: RunKey, sequence: number): TypeError {
  return new TypeError(
    `Cannot read run "${run}" of pipeline "${pipeline}" in Postgres: the whole checkpoint is gone ` +
      `that checkpoint ${sequence} is a change of`,
  );
}
