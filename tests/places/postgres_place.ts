import { findPostgres, type Postgres } from "../servers/postgres.ts";
import type { MakePlace, Place } from "./place.ts";

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
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}
