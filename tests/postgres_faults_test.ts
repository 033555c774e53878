import { PostgresError } from "../backends/postgres.ts";
import { faultSuite } from "./fault_suite.ts";
import { RECONNECTING } from "./postgres_probes.ts";
import { record } from "./probe_record.ts";
import { startPostgres } from "./servers/postgres.ts";
import { FaultyProxy } from "./servers/proxy.ts";
import { assertStored } from "./suite/checks.ts";

const server = await startPostgres();

for (const { name, ignore, open } of RECONNECTING) {
  const options = { ignore: ignore !== undefined };

  faultSuite(name, {
    ...(ignore !== undefined && { ignore }),
    server,
    savesWith: "INSERT INTO",
    errorClass: PostgresError,
    async open() {
      const database = await server.createDatabase();
      return {
        open: (options, port) =>
          open(server.dsn(database.name, port), {
            ...port !== undefined && { poolSize: 1 },
            ...options,
          }),
        endConnections: async () =>
          void await server.query(
            `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database.name}'`,
          ),
        [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
      };
    },
  });

  Deno.test(`${name}: a table whose making was not answered is used`, options, async () => {
    await using database = await server.createDatabase();
    await using proxy = new FaultyProxy(server.port);
    await using probe = await open(server.dsn(database.name, proxy.port), { poolSize: 1 });
    const swallowed = proxy.swallowAnswerTo("CREATE TABLE");
    await probe.checkpointer.save(record(0));
    await swallowed;
    await assertStored(probe.checkpointer, [record(0)]);
  });
}
