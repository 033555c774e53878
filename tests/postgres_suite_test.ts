import { checkpointerSuite, type Harness } from "./checkpointer_suite.ts";
import { DRIVERS, openPglite, type Probe } from "./postgres_probes.ts";
import { startPglite } from "./servers/pglite.ts";
import { findPostgres, ThrowAwayPostgres } from "./servers/postgres.ts";

const server = await findPostgres();
const database = await server.createDatabase();
let tables = 0;

for (const { name, ignore, open } of DRIVERS) {
  const harness = overTables((tableName) => open(database.dsn, { tableName }));
  checkpointerSuite(`postgres through ${name}`, { ...harness, ...(ignore && { ignore }) });
}

const pglite = await startPglite();
checkpointerSuite("postgres in PGlite", overTables((tableName) => openPglite(pglite, tableName)));

// A server of our own is thrown away with all that it has.
if (!(server instanceof ThrowAwayPostgres)) {
  Deno.test.afterAll(async () => await database[Symbol.asyncDispose]());
}

/** Stores in tables of their own, which is quicker than databases of their own. */
function overTables(open: (tableName: string) => Promise<Probe>): Harness {
  return {
    async open() {
      const tableName = `suite_${++tables}`;
      const first = await open(tableName);
      const probes = [first];
      return {
        checkpointer: first.checkpointer,
        async again() {
          const probe = await open(tableName);
          probes.push(probe);
          return probe.checkpointer;
        },
        async close() {
          for (const probe of probes) await probe[Symbol.asyncDispose]();
        },
      };
    },
  };
}
