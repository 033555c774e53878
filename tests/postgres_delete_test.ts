import { assertEquals } from "@std/assert";
// @ts-types="npm:@types/pg@8.23.1"
import pg from "npm:pg@8.23.1";
import { PostgresCheckpointer } from "../backends/postgres.ts";
import type { CheckpointRecord } from "../mod.ts";
import { NODE_POOL } from "./postgres_probes.ts";
import type { Database } from "./servers/database.ts";
import { startPostgres } from "./servers/postgres.ts";
import { following, makeRecord, manyItems, withField } from "./suite/samples.ts";
import { saveUpon } from "./suite/saving.ts";

const server = await startPostgres();

Deno.test("of a run that is deleted while it is saved, nobody sees a part", async () => {
  await using database = await server.createDatabase();
  await using reader = await NODE_POOL.open(database.dsn);
  await using ending = new AsyncDisposableStack();
  const connect = async () => {
    const client = new pg.Client({ connectionString: database.dsn });
    await client.connect();
    ending.defer(() => client.end());
    return client;
  };
  const first = makeRecord({ state: { pad: manyItems("pad"), count: 0 } });
  const { pipelineName, runId } = first;
  const saver = await connect();
  const saving = new PostgresCheckpointer({ client: saver });
  await saving.save(first);
  const second = await saveNext(saving, first);
  await saver.query("BEGIN");
  await saveNext(saving, second);

  const seen: unknown[] = [];
  const deleter = await connect();
  const deleting = new PostgresCheckpointer({
    client: {
      async query(text: string) {
        const result = await deleter.query(text);
        const isDeleting = text.includes("DELETE");
        const { checkpointer } = reader;
        if (isDeleting) seen.push(await checkpointer.loadLatest(pipelineName, runId).catch(String));
        return result;
      },
    },
  });
  const deleted = deleting.deleteRun(pipelineName, runId);
  await untilBlocked(database);
  await saver.query("COMMIT");
  await deleted;
  assertEquals([...new Set(seen)], [undefined]);
});

/** Saves what comes after a large checkpoint: a change. */
function saveNext(
  checkpointer: PostgresCheckpointer,
  previous: CheckpointRecord,
): Promise<CheckpointRecord> {
  const { state, sequence } = previous;
  const next = following(previous, { state: withField(state, "count", sequence + 1) });
  return saveUpon(checkpointer, previous, next);
}

/** Waits until a session waits for another one. */
async function untilBlocked({ query }: Database): Promise<void> {
  while ((await query("SELECT FROM pg_locks WHERE NOT granted")).length === 0) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
