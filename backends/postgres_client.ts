/**
 * The one seam to all drivers: text in, rows out.
 *
 * @module
 */

import { has, type Method } from "./shape.ts";

/** A row, by column. */
export interface Row {
  /** The value of each column, as the driver gives it. */
  readonly [column: string]: unknown;
}

/** Runs one statement without parameters. */
export type RunSql = (text: string) => Promise<readonly Row[]>;

/** `Client` of `@db/postgres`. */
export interface DenoClient {
  /** Runs a statement; rows as objects. */
  queryObject(text: string): Promise<{ readonly rows: readonly unknown[] }>;
}

/** `Pool` of `@db/postgres`. */
export interface DenoPool {
  /** Lends a client. */
  connect(): Promise<DenoClient & { release(): void }>;
}

/** `Pool` or `Client` of node-postgres, Neon's `Pool`, or PGlite. */
export interface NodeClient {
  /** Runs a statement. */
  query(text: string): Promise<{ readonly rows: readonly unknown[] }>;
}

/** The `sql` function of postgres.js. */
export interface PostgresJsClient {
  /** Runs a statement as it is. */
  unsafe(text: string): PromiseLike<readonly unknown[]>;
}

/** A client that the caller owns: whatever driver it is of. */
export type PostgresClient = DenoClient | DenoPool | NodeClient | PostgresJsClient;

/**
 * How to run statements on a client, by its shape.
 *
 * @throws {TypeError} If it has no known shape, listing those that are known.
 */
export function runnerFor(client: unknown): RunSql {
  if (has(client, "unsafe")) return async (text) => toRows(await simple(client.unsafe(text)));
  if (has(client, "queryObject")) {
    return async (text) => toRows(rowsOf(await client.queryObject(text)));
  }
  if (has(client, "query")) return async (text) => toRows(rowsOf(await client.query(text)));
  if (has(client, "connect")) return (text) => runOnLent(client, text);
  throw new TypeError(
    "Cannot use this client for Postgres: it must be a Client or Pool of @db/postgres, a Client or " +
      "Pool of node-postgres, the sql function of postgres.js, a Pool of @neondatabase/serverless, " +
      "or a PGlite",
  );
}

/** Has postgres.js send a statement as one message, without asking first what it takes. */
function simple(query: unknown): unknown {
  return has(query, "simple") ? query.simple() : query;
}

async function runOnLent(pool: Method<"connect">, text: string): Promise<readonly Row[]> {
  const client = await pool.connect();
  if (!has(client, "queryObject") || !has(client, "release")) {
    throw new TypeError("Cannot use this client for Postgres: its connect() lends no client");
  }
  try {
    return toRows(rowsOf(await client.queryObject(text)));
  } finally {
    client.release();
  }
}

function rowsOf(result: unknown): unknown {
  return typeof result === "object" && result !== null && "rows" in result ? result.rows : result;
}

function toRows(rows: unknown): readonly Row[] {
  if (Array.isArray(rows)) return rows.filter(isRow);
  throw new TypeError("Cannot read what the Postgres client answered: it is no list of rows");
}

/** Whether a driver gave a row as an object. */
export function isRow(row: unknown): row is Row {
  return typeof row === "object" && row !== null;
}
