/**
 * Saving through a statement that the server has planned before: to plan what a save asks takes it as
 * long as to do it. It is SQL's own `PREPARE` and `EXECUTE`, text as all else is, so that any driver
 * will do.
 *
 * A session that did not prepare the statement refuses to execute it, and nothing happens: the save is
 * then made without, and the statement prepared for the next one. So it does not matter which session
 * of a pool is met, nor whether it forgot what it knew.
 *
 * @module
 */

import type { RunSql } from "./postgres_client.ts";
import { isConnectionLost, PostgresError } from "./postgres_error.ts";
import type { StoredRow, Upon } from "./postgres_row.ts";
import { executeSql, prepareSql, saveSql } from "./postgres_save_sql.ts";

/**
 * After so many saves the statement is prepared, and then twice anew under another name: what was
 * planned for a table of a few rows may read all of them, however many there are later. A table of
 * 1,024 rows has more pages than a look into its index costs.
 */
const PREPARED_AFTER: readonly number[] = [8, 128, 1_024];

/** So often in a row a session may not know the statement before it is done without. */
const MOST_MISSES = 8;

/** Longest name of a table for which there is a statement: Postgres cuts names at 63 characters. */
const LONGEST_NAME = 40;

/** SQLSTATE invalid_sql_statement_name. */
const UNKNOWN_STATEMENT = "26000";

/** Begins the statement's name; changes whenever the statement does, for sessions keep the old one. */
const NAME = "firefly_save_1";

/** Saves rows one by one, each as {@linkcode saveSql} does; its errors are those of that. */
export function preparedSaves(
  run: RunSql,
  tableName: string,
): (row: StoredRow) => Promise<void> {
  let saves = 0;
  let misses = 0;
  let known: string | undefined;

  const prepare = async (name: string) => {
    try {
      await run(prepareSql(name, tableName));
    } catch (error) {
      // The session may know it, from another instance under the same name; or whoever is in between
      // has none, as it will then say once more.
      if (!(error instanceof PostgresError) || isConnectionLost(error.cause)) throw error;
    }
    known = name;
  };
  const execute = async (name: string, row: StoredRow & { readonly upon: Upon }) => {
    try {
      if (known !== name) await prepare(name);
      await run(executeSql(name, row));
      misses = 0;
      return true;
    } catch (error) {
      if (!(error instanceof PostgresError) || error.code !== UNKNOWN_STATEMENT) throw error;
      misses++;
      known = undefined;
      return false;
    }
  };

  return async (row) => {
    const generation = PREPARED_AFTER.findLastIndex((least) => saves >= least);
    saves++;
    const isUsual = generation >= 0 && misses < MOST_MISSES && hasUsualUpon(row) &&
      tableName.length <= LONGEST_NAME;
    const name = `${NAME}_${generation}_${tableName}`;
    if (isUsual && await execute(name, row)) return;
    await run(saveSql(tableName, row));
  };
}

/** Whether a row is saved upon the one right before it, as nearly all are. */
function hasUsualUpon(row: StoredRow): row is StoredRow & { readonly upon: Upon } {
  return row.upon?.sequence === row.sequence - 1;
}
