/**
 * How a process finds the store that it shares with others.
 *
 * @module
 */

import type { Checkpointer } from "../../mod.ts";
import { whyNoPostgresDriver, whyNoRedisDriver } from "../servers/registry.ts";

/** The backends over which processes meet. */
export const BACKENDS = ["file", "redis", "postgres"] as const;

/** One of them. */
export type Backend = typeof BACKENDS[number];

/** A store, as a process is told of it. */
export interface Address {
  /** What keeps it. */
  readonly backend: Backend;
  /** Its folder or URL. */
  readonly where: string;
}

/** A store that was opened, and how to close all that belongs to it. */
export interface OpenStore extends AsyncDisposable {
  /** An instance over it. */
  readonly checkpointer: Checkpointer;
}

/** Opens a store; loads no driver but its own, since processes are started by the hundred. */
export async function openStore({ backend, where }: Address): Promise<OpenStore> {
  switch (backend) {
    case "file": {
      const { FileCheckpointer } = await import("../../backends/file.ts");
      return { checkpointer: new FileCheckpointer(where), async [Symbol.asyncDispose]() {} };
    }
    case "redis": {
      const { RedisCheckpointer } = await import("../../backends/redis.ts");
      if (await whyNoRedisDriver() !== undefined) {
        const { IOREDIS } = await import("../redis_probes.ts");
        return await IOREDIS.open(where);
      }
      return owned(new RedisCheckpointer({ url: where }));
    }
    case "postgres": {
      const { PostgresCheckpointer } = await import("../../backends/postgres.ts");
      if (await whyNoPostgresDriver() !== undefined) {
        const { NODE_POOL } = await import("../postgres_probes.ts");
        return await NODE_POOL.open(where);
      }
      return owned(new PostgresCheckpointer({ url: where }));
    }
  }
}

function owned(checkpointer: Checkpointer & AsyncDisposable): OpenStore {
  return { checkpointer, [Symbol.asyncDispose]: () => checkpointer[Symbol.asyncDispose]() };
}
