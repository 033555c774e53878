/**
 * Databases of a PostgreSQL server, and SQL to look into them with: through a driver that is none
 * of what is tested.
 *
 * @module
 */

// @ts-types="npm:@types/pg@8.23.1"
import pg from "npm:pg@8.23.1";

/** A row, by column. */
export type Row = Readonly<Record<string, unknown>>;

/** An empty database that one test has for itself. */
export interface Database extends AsyncDisposable {
  /** Its name. */
  readonly name: string;
  /** Where it is found, as the role that made it. */
  readonly dsn: string;
  /** Runs SQL in it; comes back with the rows of the last statement. */
  query(sql: string): Promise<readonly Row[]>;
}

let databases = 0;

/** Makes an empty database; disposing drops it, whoever is connected. */
export async function createDatabase(dsn: string): Promise<Database> {
  const name = `firefly_${Deno.pid}_${Date.now()}_${++databases}`;
  await query(dsn, `CREATE DATABASE ${name}`);
  const own = withDatabase(dsn, name);
  return {
    name,
    dsn: own,
    query: (sql) => query(own, sql),
    async [Symbol.asyncDispose]() {
      await query(dsn, `DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

/** The same server and role, another database. */
export function withDatabase(dsn: string, database: string): string {
  const url = new URL(dsn);
  url.pathname = `/${database}`;
  return url.href;
}

/** A connection of node-postgres, which keeps what its session is told. */
export async function connect({ dsn }: Pick<Database, "dsn">) {
  const client = new pg.Client({ connectionString: dsn });
  await client.connect();
  return { client, [Symbol.asyncDispose]: () => client.end() };
}

/** Runs SQL over a connection of its own; comes back with the rows of the last statement. */
export async function query(dsn: string, sql: string): Promise<readonly Row[]> {
  const client = new pg.Client({ connectionString: dsn });
  await client.connect();
  try {
    // Several statements have as many results, whatever the types say.
    const result: pg.QueryResult | pg.QueryResult[] = await client.query(sql);
    return [result].flat().at(-1)?.rows ?? [];
  } finally {
    await client.end();
  }
}
