/**
 * Connections of our own, through `@db/postgres`. A connection that failed is never used again:
 * that driver's clients answer `BrokenPipe` for ever after.
 *
 * @module
 */

import { type DenoClient, isRow, type Row } from "./postgres_client.ts";
import { isConnectionLost, PostgresError } from "./postgres_error.ts";
import { type ConnectionOptions, withEnvironment } from "./postgres_url.ts";
import { makeWatch } from "./retry.ts";
import { makeUnderWay } from "./under_way.ts";

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

/**
 * Opens connections to one server, at most `size` at a time. One that gives no answer for
 * `timeoutMs` counts as lost.
 */
export function makePool(options: ConnectionOptions, size: number, timeoutMs: number): Pool {
  const idle: Connection[] = [];
  const waiting: (() => void)[] = [];
  const underWay = makeUnderWay();
  const answered = makeWatch(timeoutMs);
  let used = 0;

  /** Waits for one of the places that connections have; who waits longest gets the next. */
  const takePlace = async () => {
    if (used < size) used++;
    else await new Promise<void>((resolve) => waiting.push(resolve));
  };
  const leavePlace = () => {
    const next = waiting.shift();
    if (next === undefined) used--;
    else next();
  };

  const opened = async (): Promise<Connection> => {
    const opening = open(options);
    try {
      return await answered(opening);
    } catch (error) {
      // One that opens after all is of no use to anybody.
      opening.then(end, () => {});
      throw error;
    }
  };

  const runInPlace = async (text: string): Promise<readonly Row[]> => {
    const connection = idle.pop() ?? await opened();
    try {
      const { rows } = await answered(connection.queryObject(text));
      idle.push(connection);
      return rows.filter(isRow);
    } catch (error) {
      // Not waited for: a lost connection may take its time to end.
      if (isConnectionLost(error)) underWay.during(() => end(connection));
      else idle.push(connection);
      throw error;
    }
  };
  const run = async (text: string): Promise<readonly Row[]> => {
    await takePlace();
    try {
      return await runInPlace(text);
    } finally {
      leavePlace();
    }
  };

  return {
    run: (text) => underWay.during(() => run(text)),
    async close() {
      await underWay.ended();
      await Promise.all(idle.splice(0).map(end));
    },
  };
}

/** The part of `@db/postgres` that is used here. */
interface Driver {
  readonly Client: new (options: ConnectionOptions) => Connection;
}

async function open(options: ConnectionOptions): Promise<Connection> {
  const { Client } = await loadDriver();
  const connection = new Client(withEnvironment(options));
  await connection.connect();
  return connection;
}

async function loadDriver(): Promise<Driver> {
  try {
    return await import("@db/postgres");
  } catch (cause) {
    throw new PostgresError(
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
