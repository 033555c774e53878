/**
 * The options of a checkpointer that keeps runs in Postgres.
 *
 * @module
 */

import type { PostgresClient } from "./postgres_client.ts";

/** Options of a `PostgresCheckpointer`: where to connect, or a client. */
export type PostgresCheckpointerOptions =
  & {
    /** The table; letters, digits and `_`. Default `firefly_checkpoints`. */
    readonly tableName?: string;
    /**
     * How long a call is tried again, in milliseconds, while connections are lost or the server
     * restarts. Default 15,000.
     */
    readonly retryForMs?: number;
    /**
     * How long a statement may take, in milliseconds; after that its connection counts as lost.
     * Default 30,000.
     */
    readonly timeoutMs?: number;
    /**
     * Whether the server's sessions keep the statements that save and load, planned (`PREPARE`).
     * Default `true`. Turn it off for poolers that then keep a session for one client, as Amazon
     * RDS Proxy does; PgBouncer does not.
     */
    readonly prepare?: boolean;
  }
  & (
    | {
      /** `postgresql://user:password@host:5432/database?sslmode=require` */
      readonly url: string | URL;
      /** Connections at a time. Default 3. */
      readonly poolSize?: number;
      readonly client?: undefined;
    }
    | {
      /** A client of the caller's, which is never closed here. */
      readonly client: PostgresClient;
      readonly url?: undefined;
      readonly poolSize?: undefined;
    }
  );
