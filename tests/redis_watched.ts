/**
 * Tests that watch what is sent to a Redis of their own.
 *
 * @module
 */

import { Redis } from "npm:ioredis@6.0.0";
import { RedisCheckpointer } from "../backends/redis.ts";
import { end } from "./redis_probes.ts";
import { REDIS, startRedis, whyNot } from "./servers/redis.ts";

const ignore = await whyNot(REDIS) !== undefined;

/** A command and its arguments. */
type Sent = readonly string[];

/** What a test gets: two instances over one server, of which the first is watched. */
export interface Probe {
  /** The one that is watched. */
  readonly store: RedisCheckpointer;
  /** Another one. */
  readonly other: RedisCheckpointer;
  /** What both send through. */
  readonly client: Redis;
  /** The commands of the first one. */
  readonly sent: Sent[];
  /** Has its next answer lost. */
  loseNext(): void;
}

/** Registers a test with a server of its own. */
export function testOnRedis(name: string, test: (probe: Probe) => Promise<void>): void {
  Deno.test({ name: `Redis: ${name}`, ignore, fn: () => withRedis(test) });
}

async function withRedis(test: (probe: Probe) => Promise<void>): Promise<void> {
  await using server = await startRedis();
  const client = new Redis(server.url());
  const sent: Sent[] = [];
  let isLost = false;
  const watched = {
    async call(command: string, ...args: string[]) {
      sent.push([command, ...args]);
      const answer = await client.call(command, ...args);
      if (!isLost) return answer;
      isLost = false;
      throw new Error("Connection is closed.");
    },
  };
  try {
    await test({
      store: new RedisCheckpointer({ client: watched }),
      other: new RedisCheckpointer({ client }),
      client,
      sent,
      loseNext: () => void (isLost = true),
    });
  } finally {
    await end(client);
  }
}
