/**
 * Checkpointers over every Redis driver, each on clients of its own.
 *
 * @module
 */

import { Cluster, Redis } from "npm:ioredis@6.0.0";
import { RedisCheckpointer, type RedisClient } from "../backends/redis.ts";
import type { ThrowAwayRedis } from "./servers/redis.ts";
import { whyNoRedisDriver } from "./servers/registry.ts";

/** What a test may choose about a checkpointer. */
export interface ProbeOptions {
  /** What keys begin with, unless it is the default. */
  readonly keyPrefix?: string;
  /** For how long a run is kept. */
  readonly ttlSeconds?: number | null;
  /** For how long a call is tried again. */
  readonly retryForMs?: number;
  /** How long a command may take. */
  readonly timeoutMs?: number;
}

/** A checkpointer, and how to close all that belongs to it. */
export interface Probe extends AsyncDisposable {
  /** The checkpointer. */
  readonly checkpointer: RedisCheckpointer;
}

/** A way to a server. */
export interface Driver {
  /** The package and what of it is used. */
  readonly name: string;
  /** Why it cannot be used here, if it cannot. */
  readonly ignore?: string;
  /** Whether the checkpointer opens and closes the connection. */
  readonly ownsConnections?: boolean;
  /** Whether the client goes on trying when a call has failed already. */
  readonly isPatient?: boolean;
  /** Opens a checkpointer as a process of its own would. */
  open(url: string, options?: ProbeOptions): Promise<Probe>;
}

const reason = await whyNoRedisDriver();
const ignore = reason === undefined ? {} : { ignore: reason };

/** `@db/redis` with a connection that the checkpointer opens. */
const BY_URL: Driver = {
  name: "@db/redis by URL",
  ownsConnections: true,
  ...ignore,
  open: (url, options) => probe(new RedisCheckpointer({ url, ...options })),
};

/** So long ioredis waits for a connection to close before it destroys it. */
const DISCONNECT_MS = { redis: 1, cluster: 2_000 };

/** Ends a client of ioredis, and comes back when nothing of it is left. */
export async function end(client: Redis | Cluster): Promise<void> {
  const ended = Promise.withResolvers<void>();
  client.once("end", () => ended.resolve());
  // Between two connections there is none that could end.
  if (client.status === "reconnecting") ended.resolve();
  client.disconnect();
  await ended.promise;
  const waitsMs = client.isCluster ? DISCONNECT_MS.cluster : DISCONNECT_MS.redis;
  await new Promise((resolve) => setTimeout(resolve, waitsMs + 20));
}

/** A client of ioredis. */
export const IOREDIS: Driver = {
  name: "ioredis",
  isPatient: true,
  open(url, options) {
    const client = new Redis(url, {
      retryStrategy: (tries) => Math.min(tries * 10, 100),
      // It would ask a server that loads what it kept once a second, also when it was told to end.
      enableReadyCheck: false,
      disconnectTimeout: DISCONNECT_MS.redis,
    });
    // Without a listener, it prints what it meets.
    client.on("error", () => {});
    return probe(new RedisCheckpointer({ client, ...options }), () => end(client));
  },
};

/** Loads it where it is used: it takes longer than all else that a process loads. */
function importNodeRedis() {
  return import("npm:redis@6.3.1");
}

/** All drivers that can take a server's address. */
export const DRIVERS: readonly Driver[] = [
  BY_URL,
  {
    name: "@db/redis client",
    isPatient: true,
    ...ignore,
    async open(url, options) {
      const { connect } = await import("@db/redis");
      const { hostname, port, pathname } = new URL(url);
      // Once it has given up, it never connects again.
      const retry = { backoff: () => 20, maxRetryCount: 40 };
      const client = await connect({ hostname, port, db: Number(pathname.slice(1)), ...retry });
      return probe(new RedisCheckpointer({ client, ...options }), () => client.close());
    },
  },
  IOREDIS,
  {
    name: "node-redis",
    isPatient: true,
    async open(url, options) {
      const { createClient } = await importNodeRedis();
      const client = createClient({ url, socket: { reconnectStrategy: 20 } });
      // Without a listener, a lost connection ends the process.
      client.on("error", () => {});
      await client.connect();
      return probe(new RedisCheckpointer({ client, ...options }), () => client.destroy());
    },
  },
];

/**
 * A connection of the checkpointer's own, where `@db/redis` can be loaded: else a client that is
 * told the same, so that faults are tested everywhere.
 */
export const OWN_OR_IOREDIS: Driver = reason === undefined ? BY_URL : IOREDIS;

/** A client of a cluster; disposing closes it. */
export interface ClusterClient extends AsyncDisposable {
  /** The client. */
  readonly client: RedisClient;
}

/** A way to a cluster. */
export interface ClusterDriver {
  /** The package and what of it is used. */
  readonly name: string;
  /** Opens a client as a process of its own would. */
  connect(nodes: readonly ThrowAwayRedis[]): Promise<ClusterClient>;
}

/** All drivers that know clusters. */
export const CLUSTER_DRIVERS: readonly ClusterDriver[] = [
  {
    name: "a Cluster of ioredis",
    async connect(nodes) {
      const client = new Cluster(nodes.map(({ port }) => ({ host: "127.0.0.1", port })));
      client.on("error", () => {});
      await new Promise<void>((resolve) => client.once("ready", () => resolve()));
      return { client, [Symbol.asyncDispose]: () => end(client) };
    },
  },
  {
    name: "a cluster of node-redis",
    async connect(nodes) {
      const { createCluster } = await importNodeRedis();
      const client = createCluster({ rootNodes: nodes.map((node) => ({ url: node.url() })) });
      client.on("error", () => {});
      await client.connect();
      return { client, [Symbol.asyncDispose]: () => Promise.resolve(client.destroy()) };
    },
  },
];

/** Makes what uses a checkpointer on a server after removing all that it has. */
export function onEmpty(server: ThrowAwayRedis) {
  return async (
    options: ProbeOptions,
    use: (checkpointer: RedisCheckpointer) => Promise<void>,
  ): Promise<void> => {
    await server.cli("flushall");
    await using probe = await OWN_OR_IOREDIS.open(server.url(), options);
    await use(probe.checkpointer);
  };
}

/** A checkpointer, and what else is to be closed. */
export function probe(
  checkpointer: RedisCheckpointer,
  endClient?: () => void | Promise<void>,
): Promise<Probe> {
  return Promise.resolve({
    checkpointer,
    async [Symbol.asyncDispose]() {
      await checkpointer[Symbol.asyncDispose]();
      await endClient?.();
    },
  });
}
