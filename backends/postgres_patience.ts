/**
 * Running a statement for as long as there is hope: with its table made first, again after failures
 * that pass, and what fails for good says what was wanted.
 *
 * @module
 */

import type { Row, RunSql } from "./postgres_client.ts";
import { isPassing, PostgresError, reasonOf } from "./postgres_error.ts";
import { prepareTable } from "./postgres_table.ts";
import { retrying, tryAgain } from "./retry.ts";

/** How statements are run. */
export interface Patience {
  /** Runs a statement once. */
  readonly run: RunSql;
  /** The table that they are about. */
  readonly tableName: string;
  /** No try begins later than so many milliseconds after the first. */
  readonly retryForMs: number;
}

/**
 * Runs a statement for a call; throws a `PostgresError` if it fails for good.
 *
 * @param what What the call is to do, as the error says it: `save a checkpoint`.
 */
export type RunFor = (what: string, sql: string) => Promise<readonly Row[]>;

/** Makes what runs statements. */
export function patientRuns({ run, tableName, retryForMs }: Patience): RunFor {
  let table: Promise<void> | undefined;
  let isTableReady = false;
  const runRetrying: RunSql = (sql) => retrying(retryForMs, isPassing, () => run(sql));

  /** Once for each instance; what failed is tried again by the next call. */
  const ensureTable = async () => {
    table ??= prepareTable(runRetrying, tableName);
    try {
      await table;
      isTableReady = true;
    } catch (error) {
      table = undefined;
      throw error;
    }
  };
  const saying = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (cause) {
      if (cause instanceof PostgresError || cause instanceof TypeError) throw cause;
      const message = `Cannot ${what} in table ${tableName}: ${reasonOf(cause)}`;
      throw new PostgresError(message, { cause });
    }
  };

  return (what, sql) => {
    if (!isTableReady) return saying(what, () => ensureTable().then(() => runRetrying(sql)));
    const deadline = performance.now() + retryForMs;
    return run(sql).catch((error) =>
      saying(what, () => tryAgain(error, { deadline, isPassing }, () => run(sql)))
    );
  };
}
