/**
 * Asking through a statement that the server has planned before: to plan what a save or a load asks
 * takes it as long as to do it. It is SQL's own `PREPARE` and `EXECUTE`, text as all else is, so that
 * any driver will do.
 *
 * A session that did not prepare the statement refuses to execute it, and nothing happens: the call is
 * then made without, and the statement prepared for the next one. So it does not matter which session
 * of a pool is met, nor whether it forgot what it knew.
 *
 * @module
 */

import type { Row, RunSql } from "./postgres_client.ts";
import { isConnectionLost, PostgresError } from "./postgres_error.ts";

/** A statement that sessions may keep. */
export interface Statement<Call> {
  /** Begins its name; changes whenever the statement does, for sessions keep the old one. */
  readonly name: string;
  /** Asks without it. */
  readonly plainSql: (tableName: string, call: Call) => string;
  /** Has a session keep it. */
  readonly prepareSql: (name: string, tableName: string) => string;
  /** Asks through it; `undefined` where it is not for such a call. */
  readonly executeSql: (name: string, call: Call) => string | undefined;
}

/**
 * After so many calls the statement is prepared, and then twice anew under another name: what was
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

/** Asks for calls one by one. */
export type Ask = <Call>(
  run: RunSql,
  tableName: string,
  statement: Statement<Call>,
) => (call: Call) => Promise<readonly Row[]>;

/** Asks without the statement. */
export const plain: Ask = (run, tableName, { plainSql }) => (call) =>
  run(plainSql(tableName, call));

/** Asks through the statement where a session knows it, with the same errors. */
export const prepared: Ask = (run, tableName, statement) => {
  let calls = 0;
  let misses = 0;
  let known: string | undefined;

  const prepare = async (name: string) => {
    try {
      await run(statement.prepareSql(name, tableName));
    } catch (error) {
      // The session may know it, from another instance under the same name; or whoever is in between
      // has none, as it will then say once more.
      if (!(error instanceof PostgresError) || isConnectionLost(error.cause)) throw error;
    }
    known = name;
  };
  const execute = async (name: string, sql: string) => {
    try {
      if (known !== name) await prepare(name);
      const rows = await run(sql);
      misses = 0;
      return rows;
    } catch (error) {
      if (!(error instanceof PostgresError) || error.code !== UNKNOWN_STATEMENT) throw error;
      misses++;
      known = undefined;
      return undefined;
    }
  };

  return async (call) => {
    const generation = PREPARED_AFTER.findLastIndex((least) => calls >= least);
    calls++;
    const isWorthIt = generation >= 0 && misses < MOST_MISSES && tableName.length <= LONGEST_NAME;
    const name = `${statement.name}_${generation}_${tableName}`;
    const sql = isWorthIt ? statement.executeSql(name, call) : undefined;
    const rows = sql === undefined ? undefined : await execute(name, sql);
    return rows ?? await run(statement.plainSql(tableName, call));
  };
};
