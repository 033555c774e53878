// @ts-types="npm:@types/pg@8.23.1"
import pg from "npm:pg@8.23.1";

/** A pool of node-postgres. */
export function nodePool(dsn: string, connections: number): pg.Pool {
  const pool = new pg.Pool({ connectionString: dsn, max: connections });
  // `end` does not wait for the server; that a database goes away under what it closes is no news.
  pool.on("error", () => {});
  return pool;
}
