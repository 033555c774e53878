/**
 * The one seam to all drivers: a command in, its reply out.
 *
 * @module
 */

import { inBatches } from "./redis_batches.ts";
import { has, type Method } from "./shape.ts";

/**
 * Sends one command; comes back with its reply, or throws its error reply.
 *
 * @param words The command and its arguments.
 * @param key One of its keys: the client of a cluster finds the right node by it.
 */
export type SendCommand = (words: readonly [string, ...string[]], key: string) => Promise<unknown>;

/** A connected client of `@db/redis`. */
export interface DenoRedis {
  /** Sends a command. */
  sendCommand(command: string, args?: string[]): Promise<unknown>;
}

/** `Redis` or `Cluster` of ioredis. */
export interface IoRedis {
  /** Sends a command. */
  call(command: string, ...args: string[]): Promise<unknown>;
}

/** A connected client of node-redis. */
export interface NodeRedis {
  /** Sends a command. */
  sendCommand(words: string[]): Promise<unknown>;
}

/** A connected cluster of node-redis. */
export interface NodeRedisCluster {
  /** Sends a command to the node that has the key. */
  sendCommand(
    key: string | undefined,
    isReadonly: boolean | undefined,
    words: string[],
  ): Promise<unknown>;
}

/** A client that the caller owns: whatever driver it is of. */
export type RedisClient = DenoRedis | IoRedis | NodeRedis | NodeRedisCluster;

/** How to reach Redis through a client. */
export interface Connection {
  /** Sends one command. */
  readonly send: SendCommand;
  /** Whether its keys must be in one slot. */
  readonly isCluster: boolean;
}

/**
 * How to send commands through a client, by its shape.
 *
 * @throws {TypeError} If it has no known shape, listing those that are known.
 */
export function connectionOf(client: unknown): Connection {
  // A function has a `call` of another kind.
  if (typeof client !== "function" && has(client, "call")) {
    const isCluster = "isCluster" in client && client.isCluster === true;
    return { isCluster, send: (words) => Promise.resolve(client.call(...words)) };
  }
  if (has(client, "sendCommand")) {
    if (has(client, "pipeline") && pipelines(client)) {
      return { isCluster: false, send: inBatches(client) };
    }
    if (has(client, "nodeClient")) {
      // Never from a replica: it may not have the latest checkpoint yet.
      const isReadonly = false;
      return {
        isCluster: true,
        send: (words, key) => Promise.resolve(client.sendCommand(key, isReadonly, words)),
      };
    }
    if (has(client, "multi") && !has(client, "pipeline")) {
      return { isCluster: false, send: (words) => Promise.resolve(client.sendCommand(words)) };
    }
    return {
      isCluster: false,
      send: ([command, ...args]) => Promise.resolve(client.sendCommand(command, args)),
    };
  }
  throw new TypeError(
    "Cannot use this client for Redis: it must be a client of @db/redis, a Redis or Cluster of " +
      "ioredis, or a client or cluster of node-redis",
  );
}

/** A client over a pool of `@db/redis` has pipelines, but makes none. */
function pipelines(client: Method<"pipeline">): boolean {
  try {
    return has(client.pipeline(), "flush");
  } catch {
    return false;
  }
}
