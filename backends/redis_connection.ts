/**
 * A connection of our own, through `@db/redis`. One is enough: what is asked for at once travels
 * together. A connection that failed is never used again, and the driver makes none by itself, so
 * that nothing is sent twice but what is tried again here.
 *
 * @module
 */

import { inBatches, type PipeliningClient } from "./redis_batches.ts";
import type { SendCommand } from "./redis_client.ts";
import { isConnectionLost, RedisError } from "./redis_error.ts";
import type { ConnectionOptions } from "./redis_url.ts";
import { makeWatch, type Watch } from "./retry.ts";

/** A connection that is opened when it is needed, and anew when it was lost. */
export interface OwnConnection {
  /** Sends a command. */
  readonly send: SendCommand;
  /** Closes it. */
  close(): Promise<void>;
}

/** The part of a client of `@db/redis` that is used here. */
interface Client extends PipeliningClient {
  close(): void;
}

/** A client, and how to send commands through it. */
interface Link {
  readonly client: Client;
  readonly send: SendCommand;
}

/** Connects to a server when that is needed. What gives no answer for `timeoutMs` counts as lost. */
export function ownConnection(options: ConnectionOptions, timeoutMs: number): OwnConnection {
  const answered = makeWatch(timeoutMs);
  let current: Promise<Link> | undefined;

  const send: SendCommand = async (words, key) => {
    const mine = current ??= open(options, answered);
    try {
      return await answered((await mine).send(words, key));
    } catch (error) {
      if (isConnectionLost(error)) {
        if (current === mine) current = undefined;
        await close(mine);
      }
      throw error;
    }
  };

  return {
    send,
    async close() {
      if (current !== undefined) await close(current);
      current = undefined;
    },
  };
}

async function open(options: ConnectionOptions, answered: Watch): Promise<Link> {
  const opening = connect(options);
  try {
    const client = await answered(opening);
    return { client, send: inBatches(client) };
  } catch (error) {
    // One that opens after all is of no use to anybody.
    opening.then((client) => client.close(), () => {});
    throw error;
  }
}

async function connect(options: ConnectionOptions): Promise<Client> {
  const { connect } = await loadDriver();
  return await connect(options);
}

/** The part of `@db/redis` that is used here. */
interface Driver {
  connect(options: ConnectionOptions): Promise<Client>;
}

async function loadDriver(): Promise<Driver> {
  try {
    return await import("@db/redis");
  } catch (cause) {
    throw new RedisError(
      "Cannot load the Redis driver: add it with `deno add jsr:@db/redis`, or pass a client of " +
        "your own as `client`",
      { cause },
    );
  }
}

/** Closes a connection, whatever state it is in; one that was never opened needs no closing. */
async function close(link: Promise<Link>): Promise<void> {
  try {
    (await link).client.close();
  } catch {
    // It was lost already.
  }
}
