import type { Database } from "../servers/database.ts";
import { findPostgres, type Postgres, ThrowAwayPostgres } from "../servers/postgres.ts";
import type { Fault, MakePlace, Place } from "./place.ts";

/** Databases of one server. */
export async function postgresPlaces(): Promise<MakePlace> {
  const server = await findPostgres();
  return () => postgresPlace(server);
}

async function postgresPlace(server: Postgres): Promise<Place> {
  const database = await server.createDatabase();
  const count = async (what: string) => {
    const [row] = await database.query(`SELECT count(*)::int AS count FROM ${what}`);
    return Number(row?.count);
  };
  const others = "WHERE datname = current_database() AND pid <> pg_backend_pid()";
  const strays = async () => {
    const found = {
      connections: await count(`pg_stat_activity ${others}`),
      locks: await count("pg_locks WHERE locktype = 'advisory'"),
    };
    return Object.entries(found).flatMap(([what, many]) => many > 0 ? [`${many} ${what}`] : []);
  };
  return {
    address: { backend: "postgres", where: database.dsn },
    async strays() {
      for (let left = 200; left > 0 && (await strays()).length > 0; left--) {
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
      return await strays();
    },
    async contents() {
      const tables = await database.query(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' " +
          "AND tablename <> 'firefly_checkpoints'",
      );
      const rows = await database.query(
        "SELECT pipeline_name, run_id, sequence FROM firefly_checkpoints",
      );
      return [...tables, ...rows].map((row) => JSON.stringify(row));
    },
    faults: faultsOf(server, database),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

function faultsOf(server: Postgres, database: Database): readonly [Fault, ...Fault[]] {
  const ended: Fault = {
    name: "connections ended",
    inject: async () =>
      void await database.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity " +
          "WHERE datname = current_database() AND pid <> pg_backend_pid()",
      ),
  };
  if (!(server instanceof ThrowAwayPostgres)) return [ended];
  const restarts = (name: string, stop: () => Promise<void>): Fault => ({
    name,
    async inject() {
      await stop();
      await server.start();
    },
  });
  return [
    ended,
    restarts("restarts of the server", () => server.stop()),
    restarts("crashes of the server", () => server.kill()),
  ];
}
