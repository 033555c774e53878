/**
 * The options, and what is refused of them.
 *
 * @module
 */

import type { RedisClient } from "./redis_client.ts";

/** Options of a {@linkcode RedisCheckpointer}: where to connect, or a client. */
export type RedisCheckpointerOptions =
  & {
    /**
     * What all keys begin with. Default `firefly:ckpt`. On a cluster it must hold a hash tag, as in
     * `{firefly}:ckpt`, so that all keys are in one slot.
     */
    readonly keyPrefix?: string;
    /**
     * How long a run is kept after its last save, in seconds; `null` for ever. A paused run is kept
     * until it goes on. Default 30 days.
     */
    readonly ttlSeconds?: number | null;
    /**
     * How long a call is tried again, in milliseconds, while connections are lost or the server
     * restarts. Default 15,000.
     */
    readonly retryForMs?: number;
    /**
     * How long a command may take, in milliseconds; after that its connection counts as lost.
     * Default 30,000.
     */
    readonly timeoutMs?: number;
  }
  & (
    | {
      /** `redis://user:password@host:6379/0`, or `rediss://` over TLS. */
      readonly url: string | URL;
      readonly client?: undefined;
    }
    | {
      /** A connected client of the caller's, which is never closed here. */
      readonly client: RedisClient;
      readonly url?: undefined;
    }
  );

/** How long a run is kept unless the caller says otherwise, in seconds. */
export const THIRTY_DAYS = 30 * 86_400;

/** Three thousand years: so that a deadline in milliseconds is a number that Redis takes. */
const MOST_SECONDS = 1e11;

/**
 * What scripts take for a time to live: milliseconds, or nothing.
 *
 * @throws {TypeError} If it is no positive number.
 */
export function millisecondsOf(ttlSeconds: unknown): string {
  if (ttlSeconds === null) return "";
  if (typeof ttlSeconds === "number" && ttlSeconds > 0 && ttlSeconds <= MOST_SECONDS) {
    return String(Math.ceil(ttlSeconds * 1_000));
  }
  throw new TypeError(
    `Cannot use ${ttlSeconds} as ttlSeconds: it must be a positive number, or null to keep runs`,
  );
}

/**
 * Refuses what keys cannot begin with.
 *
 * @throws {TypeError} If it is no text, or has no hash tag where keys must be in one slot.
 */
export function checkKeyPrefix(keyPrefix: unknown, isCluster: boolean): void {
  if (typeof keyPrefix !== "string" || keyPrefix === "" || !keyPrefix.isWellFormed()) {
    throw new TypeError(`Cannot use ${Deno.inspect(keyPrefix)} as keyPrefix: it must be a text`);
  }
  if (!isCluster || /^[^{]*\{[^}]+\}/.test(keyPrefix)) return;
  throw new TypeError(
    `Cannot use keyPrefix "${keyPrefix}" on a cluster: it must hold a hash tag, as in ` +
      `"{${keyPrefix}}", so that all keys of a save are in one slot`,
  );
}
