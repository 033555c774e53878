/**
 * The table: made where it is missing, checked where it is there.
 *
 * @module
 */

import type { RunSql } from "./postgres_client.ts";
import { PostgresError, reasonOf, sqlStateOf } from "./postgres_error.ts";
import { COLUMNS, columnsSql, createSql, postgresSchema } from "./postgres_schema.ts";

/**
 * Makes the table, or adds the columns that it lacks.
 *
 * @throws {TypeError} If a column is of another type, or the key is missing.
 * @throws {PostgresError} If it cannot be made; where that is not permitted, with what to run.
 */
export async function prepareTable(run: RunSql, tableName: string): Promise<void> {
  const rows = await run(columnsSql(tableName));
  const types = new Map(rows.map(({ name, type }) => [String(name), String(type)]));
  const isMissing = [...COLUMNS.keys()].some((column) => !types.has(column));
  for (const [column, type] of COLUMNS) {
    const found = types.get(column) ?? type;
    if (found !== type) {
      throw new TypeError(
        `Cannot use table ${tableName}: its column ${column} is of type ${found}, not ` +
          `${type}; choose another tableName`,
      );
    }
  }
  if (rows.some((row) => row.is_keyed === false)) {
    throw new TypeError(
      `Cannot use table ${tableName}: nothing keeps two workers from saving the same sequence; ` +
        "add PRIMARY KEY (pipeline_name, run_id, sequence)",
    );
  }
  if (isMissing) await createTable(run, tableName);
}

async function createTable(run: RunSql, tableName: string): Promise<void> {
  try {
    await run(createSql(tableName));
  } catch (cause) {
    // 42501 is insufficient_privilege.
    const advice = sqlStateOf(cause) === "42501"
      ? `; have somebody who may run this:\n\n${postgresSchema(tableName)}`
      : "";
    throw new PostgresError(`Cannot make table ${tableName}: ${reasonOf(cause)}${advice}`, {
      cause,
    });
  }
}
