/**
 * Connections of our own, through `@db/postgres`. A connection that failed is never used again:
 * that driver's clients answer `BrokenPipe` for ever after.
 *
 * @module
 */

import type { DenoClient, Row } from "./postgres_client.ts";
import { isConnectionLost } from "./postgres_error.ts";
import type { ConnectionOptions } from "./postgres_url.ts";

/** A connection of our own. */
export interface Connection extends DenoClient {
  /** Opens it. */
  connect(): Promise<void>;
  /** Closes it. */
  end(): Promise<void>;
}

/** A bounded set of connections, opened when they are needed. */
export interface Pool {
  /** Runs a statement on a connection that nobody else uses; first come, first served. */
  run(text: string): Promise<readonly Row[]>;
  /** Closes all connections, each when its statement is done. */
  close(): Promise<void>;
}

/** Opens connections to one server, at most `size` at a time. */
export function makePool(options: ConnectionOptions, size: number): Pool {
  const idle: Connection[] = [];
  const waiting: (() => void)[] = [];
  const closing: Promise<void>[] = [];
  let used = 0;
  let isClosed = false;

  const take = async (): Promise<Connection> => {
    if (used >= size) await new Promise<void>((resolve) => waiting.push(resolve));
    else used++;
    return idle.pop() ?? await openOrLeave();
  };
  /** Gives the place of a connection to who waits longest, or frees it. */
  const leave = () => {
    const next = waiting.shift();
    if (next === undefined) used--;
    else next();
  };
  const openOrLeave = async () => {
    try {
      return await open(options);
    } catch (error) {
      leave();
      throw error;
    }
  };
  const giveBack = (connection: Connection, isLost: boolean) => {
    if (isLost || isClosed) closing.push(end(connection));
    else idle.push(connection);
    leave();
  };

  return {
    async run(text) {
      const connection = await take();
      let isLost = true;
      try {
        const { rows } = await connection.queryObject(text);
        isLost = false;
        return rows.filter(isRow);
      } catch (error) {
        isLost = isConnectionLost(error);
        throw error;
      } finally {
        giveBack(connection, isLost);
      }
    },
    async close() {
      isClosed = true;
      while (used > 0) await new Promise<void>((resolve) => setTimeout(resolve, 5));
      await Promise.all([...closing, ...idle.splice(0).map(end)]);
    },
  };
}

/** The part of `@db/postgres` that is used here. */
interface Driver {
  readonly Client: new (options: ConnectionOptions) => Connection;
}

async function open(options: ConnectionOptions): Promise<Connection> {
  const { Client } = await loadDriver();
  const connection = new Client(options);
  await connection.connect();
  return connection;
}

async function loadDriver(): Promise<Driver> {
  try {
    return await import("@db/postgres");
  } catch (cause) {
    throw new TypeError(
      "Cannot load the Postgres driver: add it with `deno add jsr:@db/postgres`, or pass a client " +
        "of your own as `client`",
      { cause },
    );
  }
}

/** Closes a connection, whatever state it is in. */
async function end(connection: Connection): Promise<void> {
  try {
    await connection.end();
  } catch {
    // It was lost already; the driver throws from `end` then.
  }
}

function isRow(row: unknown): row is Row {
  return typeof row === "object" && row !== null;
}
