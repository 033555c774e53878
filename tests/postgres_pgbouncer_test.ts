import { assert, assertEquals } from "@std/assert";
import { append, definePipeline, END, pause, send, unchecked } from "../mod.ts";
import { DRIVERS } from "./postgres_probes.ts";
import { record } from "./probe_record.ts";
import { startPgBouncer } from "./servers/pgbouncer.ts";
import { startPostgres } from "./servers/postgres.ts";
import { assertRefused } from "./suite/checks.ts";

const RUNS = 20;
const CONNECTIONS = 2;

const server = await startPostgres();

for (const { name, ignore, open } of DRIVERS) {
  Deno.test({
    name: `${name}: runs share connections behind PgBouncer in transaction mode`,
    ignore: ignore !== undefined,
    async fn() {
      await using database = await server.createDatabase();
      await using bouncer = await startPgBouncer(server.port, CONNECTIONS);
      await using probe = await open(bouncer.dsn(database.name), { poolSize: 8 });
      await using rival = await open(bouncer.dsn(database.name), { poolSize: 8 });
      const pipeline = definePipeline({
        name: "shared",
        state: unchecked<{ item: number; done: number[]; approved: boolean }>(),
        reducers: { done: append },
        nodes: {
          split: () => {},
          work: ({ item }) => ({ done: item }),
          ask: () => pause("go on?"),
          last: () => ({ done: -1 }),
        },
        start: "split",
        edges: {
          split: () => [1, 2, 3].map((item) => send("work", { item })),
          work: "ask",
          ask: "last",
          last: END,
        },
      }, { checkpointer: probe.checkpointer });
      const runs = await Promise.all(Array.from({ length: RUNS }, () => pipeline.invoke({})));
      const results = await Promise.all(
        runs.map(({ runId }) => pipeline.resume(runId, { approvePause: true })),
      );
      for (const { status, state } of results) {
        assertEquals([status, state.done], ["completed", [1, 2, 3, -1]]);
      }
      assertEquals((await Array.fromAsync(pipeline.listRuns())).length, RUNS);

      await probe.checkpointer.save(record(0));
      await assertRefused(rival.checkpointer, record(0, { writer: "w2" }));
      await rival.checkpointer.save(record(1, { writer: "w2" }));
      await assertRefused(probe.checkpointer, record(0));

      const sessions = await server.query(
        `SELECT FROM pg_stat_activity WHERE datname = '${database.name}'`,
      );
      assert(sessions.length <= CONNECTIONS, `${sessions.length} connections to the server`);
    },
  });
}
