/**
 * Checkpointers over every Postgres driver, each on clients of its own.
 *
 * @module
 */

// @ts-types="npm:@types/pg@8.23.1"
import pg from "npm:pg@8.23.1";
import postgres from "npm:postgres@3.4.9";
import { PostgresCheckpointer } from "../backends/postgres.ts";
import type { RemotePglite } from "./servers/pglite.ts";
import { whyNoPostgresDriver } from "./servers/registry.ts";

/** What a test may choose about a checkpointer. */
export interface ProbeOptions {
  /** The table, unless it is the default one. */
  readonly tableName?: string;
  /** For how long a call is tried again. */
  readonly retryForMs?: number;
  /** How long a statement may take. */
  readonly timeoutMs?: number;
  /** How many connections there may be. */
  readonly poolSize?: number;
}

/** A checkpointer, and how to close all that belongs to it. */
export interface Probe extends AsyncDisposable {
  /** The checkpointer. */
  readonly checkpointer: PostgresCheckpointer;
}

/** A way to a server. */
export interface Driver {
  /** The package and what of it is used. */
  readonly name: string;
  /** Why it cannot be used here, if it cannot. */
  readonly ignore?: string;
  /** Whether the checkpointer opens and closes the connections. */
  readonly ownsConnections?: boolean;
  /** Whether it always makes a new connection when one is lost. */
  readonly reconnects: boolean;
  /** Opens a checkpointer as a process of its own would. */
  open(dsn: string, options?: ProbeOptions): Promise<Probe>;
}

const reason = await whyNoPostgresDriver();
const ignore = reason === undefined ? {} : { ignore: reason };

/** `@db/postgres` with connections that the checkpointer opens. */
const BY_URL: Driver = {
  name: "@db/postgres by URL",
  ownsConnections: true,
  reconnects: true,
  ...ignore,
  open: (url, options) => probe(new PostgresCheckpointer({ url, ...options })),
};

/** A pool of node-postgres. */
export const NODE_POOL: Driver = {
  name: "node-postgres Pool",
  reconnects: true,
  open(connectionString, { poolSize: max = 3, ...options } = {}) {
    const client = new pg.Pool({ connectionString, max });
    // Without a listener, an idle connection that is lost ends the process.
    client.on("error", () => {});
    return probe(new PostgresCheckpointer({ client, ...options }), () => client.end());
  },
};

/** All drivers that can take a server's address. */
export const DRIVERS: readonly Driver[] = [
  BY_URL,
  {
    name: "@db/postgres Client",
    reconnects: false,
    ...ignore,
    async open(dsn, { poolSize: _, ...options } = {}) {
      const { Client } = await import("@db/postgres");
      const client = new Client(dsn);
      await client.connect();
      return probe(new PostgresCheckpointer({ client, ...options }), () => client.end());
    },
  },
  {
    name: "@db/postgres Pool",
    reconnects: false,
    ...ignore,
    async open(dsn, { poolSize = 3, ...options } = {}) {
      const { Pool } = await import("@db/postgres");
      const client = new Pool(dsn, poolSize, true);
      return probe(new PostgresCheckpointer({ client, ...options }), () => client.end());
    },
  },
  NODE_POOL,
  {
    name: "node-postgres Client",
    reconnects: false,
    async open(connectionString, { poolSize: _, ...options } = {}) {
      const client = new pg.Client({ connectionString });
      client.on("error", () => {});
      await client.connect();
      return probe(new PostgresCheckpointer({ client, ...options }), () => client.end());
    },
  },
  {
    name: "postgres.js",
    // It loses queries now and then when the server ends connections: they are never answered.
    reconnects: false,
    open(dsn, { poolSize: max = 3, ...options } = {}) {
      const client = postgres(dsn, { max, onnotice: () => {} });
      return probe(new PostgresCheckpointer({ client, ...options }), () => client.end());
    },
  },
];

/** Those that always make a new connection when one is lost. */
export const RECONNECTING: readonly Driver[] = DRIVERS.filter(({ reconnects }) => reconnects);

/**
 * Connections of the checkpointer's own, where `@db/postgres` can be loaded: else those of a pool
 * that is told the same, so that faults are tested everywhere.
 */
export const OWN_OR_NODE_POOL: Driver = reason === undefined ? BY_URL : NODE_POOL;

/** A checkpointer over the database of a PGlite. */
export function openPglite(client: RemotePglite, tableName?: string): Promise<Probe> {
  return probe(new PostgresCheckpointer({ client, tableName }));
}

function probe(checkpointer: PostgresCheckpointer, end?: () => Promise<void>): Promise<Probe> {
  return Promise.resolve({
    checkpointer,
    async [Symbol.asyncDispose]() {
      await checkpointer[Symbol.asyncDispose]();
      await end?.();
    },
  });
}
