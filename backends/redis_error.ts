/**
 * What goes wrong between here and Redis, whatever driver tells it.
 *
 * @module
 */

import { isLost } from "./lost_connection.ts";

/** Thrown when Redis refused a command, or could not be reached. */
export class RedisError extends Error {
  /** The name of the class. */
  override readonly name = "RedisError";
  /**
   * The first word of what Redis said, where it said something: `OOM`, `READONLY`, `WRONGTYPE`,
   * `NOAUTH`, `WRONGPASS`, `CLUSTERDOWN`, or `ERR` for whatever has no word of its own.
   */
  readonly code?: string;

  /** Takes what could not be done, and the driver's error as the cause. */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = codeOf(options?.cause);
  }
}

/** An error reply, with or without its sign; Redis 6 wraps one that a script met in another. */
const REPLY = /^-?(?:ERR Error running script .*?@user_script: ?\d+: )?-?([A-Z][A-Z\d]+)(?: |$)/s;

/** The first word of an error reply; `undefined` where an error is none. */
export function codeOf(error: unknown): string | undefined {
  // Node's errors have a code of their own.
  if (!(error instanceof Error) || "code" in error) return undefined;
  return REPLY.exec(error.message)?.[1];
}

/** What Redis says while it starts, fails over, or is busy; it passes. */
const PASSING_CODES: ReadonlySet<string | undefined> = new Set([
  "BUSY",
  "CLUSTERDOWN",
  "LOADING",
  "MASTERDOWN",
  "NOREPLICAS",
  "READONLY",
  "TRYAGAIN",
]);

/** Said to a new connection, which is then closed. */
const TOO_MANY_CLIENTS = "ERR max number of clients reached";

/** How the drivers call a connection that was refused or lost, where they have names of their own. */
const LOST: ReadonlySet<unknown> = new Set([
  // @db/redis
  "EOFError",
  "InvalidStateError",
  // ioredis
  "ClusterAllFailedError",
  "MaxRetriesPerRequestError",
  // node-redis
  "ConnectionTimeoutError",
  "SocketClosedUnexpectedlyError",
  "SocketTimeoutError",
]);

/** How the drivers begin what they say of it, where it has no name. */
const LOST_MESSAGES: readonly string[] = [
  "Command timed out",
  "Connection is closed",
  "Too many Cluster redirections",
];

/**
 * Whether a connection may be of no use after an error. One that still works answers, and does not
 * lead to a server that was the right one once.
 */
export function isConnectionLost(error: unknown): boolean {
  const code = codeOf(error);
  return code === undefined || code === "READONLY" || isTooManyClients(error);
}

/** Whether the same command may well succeed a moment later. */
export function isPassing(error: unknown): boolean {
  const code = codeOf(error);
  if (code !== undefined) return PASSING_CODES.has(code) || isTooManyClients(error);
  return isLost(error, LOST, LOST_MESSAGES);
}

/** What to do about an error, where that is not plain from what Redis says. */
const ADVICE: Readonly<Record<string, string>> = {
  CROSSSLOT: 'put a hash tag into keyPrefix, as in "{firefly}:ckpt"',
  MOVED: "pass a client for clusters as `client`",
  OOM: "raise maxmemory, then resume",
};

/** What an error says. */
export function reasonOf(error: unknown): string {
  const reason = error instanceof Error ? error.message || nameOf(error) : String(error);
  const advice = ADVICE[codeOf(error) ?? ""];
  return reason.replace(/^-/, "").replace(/\.$/, "") + (advice === undefined ? "" : `; ${advice}`);
}

function nameOf(error: Error): string {
  return error.name === "Error" ? error.constructor.name : error.name;
}

function isTooManyClients(error: unknown): boolean {
  return error instanceof Error && error.message.replace(/^-/, "").startsWith(TOO_MANY_CLIENTS);
}
