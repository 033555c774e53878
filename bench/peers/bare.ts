// The floor: bare INSERTs, one commit each, nothing else; main.ts starts it.
// @ts-types="npm:@types/pg@8.23.1"
import pg from "npm:pg@8.23.1";
import { itemOf, type Peer } from "./peer.ts";
import { runWorker } from "./worker.ts";

/** Opens a table with our primary key on a database. */
export async function open(dsn: string): Promise<Peer> {
  const pool = new pg.Pool({ connectionString: dsn });
  await pool.query(
    "CREATE TABLE bare (run_id text, step int, item text, PRIMARY KEY (run_id, step))",
  );
  const insert = async (steps: number) => {
    const run = crypto.randomUUID();
    for (let step = 0; step < steps; step++) {
      await pool.query({
        name: "insert", // prepared, the fastest that the driver has
        text: "INSERT INTO bare VALUES ($1, $2, $3)",
        values: [run, step, itemOf(step)],
      });
    }
  };
  return {
    setUp: "prepared, through a Pool of node-postgres, 10 connections (its default)",
    appending: insert,
    short: insert,
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

if (import.meta.main) await runWorker(open);
