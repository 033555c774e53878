import { assert, assertEquals, assertRejects } from "@std/assert";
import { PostgresError } from "../backends/postgres.ts";
import { DRIVERS, NODE_POOL } from "./postgres_probes.ts";
import { record } from "./probe_record.ts";
import { startPostgres } from "./servers/postgres.ts";

const server = await startPostgres();

// One connection, or connections that their driver never makes again.
const single = DRIVERS.filter(({ name, reconnects }) => !reconnects && name !== "postgres.js");

for (const { name, ignore, open } of single) {
  Deno.test({
    name: `${name}: a connection of the caller's that is lost fails calls, and ends nothing else`,
    ignore: ignore !== undefined,
    async fn() {
      await using database = await server.createDatabase();
      const { checkpointer, ...probe } = await open(database.dsn, { poolSize: 1, retryForMs: 100 });
      await checkpointer.save(record(0));
      await server.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database.name}'`,
      );
      for (const call of [() => checkpointer.save(record(1)), () => checkpointer.save(record(1))]) {
        const error = await assertRejects(call, PostgresError);
        assert(error.cause instanceof Error);
      }
      // Drivers throw from the end of what is lost already.
      await Promise.resolve(probe[Symbol.asyncDispose]()).catch(() => {});
      await using other = await NODE_POOL.open(database.dsn);
      assertEquals((await other.checkpointer.loadLatest("factory", "r1"))?.sequence, 0);
      await other.checkpointer.save(record(1));
    },
  });
}
