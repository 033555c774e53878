// The floor: bare INSERTs, one commit each, nothing else; main.ts starts it.
import { nodePool } from "./node_pool.ts";
import { itemOf, type Peer } from "./peer.ts";
import { runWorker } from "./worker.ts";

/** As many as node-postgres has by default. */
const CONNECTIONS = 10;

/** Opens a table with our primary key on a database. */
export async function open(dsn: string): Promise<Peer> {
  const pool = nodePool(dsn, CONNECTIONS);
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
    setUp: `prepared, on ${CONNECTIONS} connections of a Pool of node-postgres`,
    appending: insert,
    short: insert,
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

if (import.meta.main) await runWorker(open);
