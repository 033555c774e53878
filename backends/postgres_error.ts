/**
 * What goes wrong between here and Postgres, whatever driver tells it.
 *
 * @module
 */

import { isLost } from "./lost_connection.ts";

/** Thrown when Postgres refused a statement, or could not be reached. */
export class PostgresError extends Error {
  /** The name of the class. */
  override readonly name = "PostgresError";
  /**
   * The SQLSTATE, where Postgres gave one.
   * Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
   */
  readonly code?: string;

  /** Takes what could not be done, and the driver's error as the cause. */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = sqlStateOf(options?.cause);
  }
}

/** By its classes: Node's `EPIPE` has five letters too. */
const SQLSTATE = /^(?:\d[\dA-Z]|F0|HV|P0|XX)[\dA-Z]{3}$/;

/** The SQLSTATE of a driver's error: node-postgres, postgres.js and PGlite, or @db/postgres. */
export function sqlStateOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const fields: unknown = "fields" in error ? error.fields : undefined;
  for (const source of [error, fields]) {
    if (typeof source !== "object" || source === null || !("code" in source)) continue;
    if (typeof source.code === "string" && SQLSTATE.test(source.code)) return source.code;
  }
  return undefined;
}

/** What the server says while it stops, starts, or is full; it passes. */
const PASSING_STATES: ReadonlySet<string> = new Set([
  "40001", // serialization_failure
  "40P01", // deadlock_detected
  "53300", // too_many_connections
  "57P01", // admin_shutdown
  "57P02", // crash_shutdown
  "57P03", // cannot_connect_now
]);

/** How the drivers call a connection that was lost, where they have words of their own. */
const LOST: ReadonlySet<unknown> = new Set([
  "ConnectionError",
  "CONNECTION_CLOSED",
  "CONNECTION_DESTROYED",
  "CONNECTION_ENDED",
  "CONNECT_TIMEOUT",
]);

/** How the drivers begin what they say of a lost connection, where it has no name or code. */
const LOST_MESSAGES: readonly string[] = [
  "Connection terminated",
  "Could not check if server accepts SSL connections",
];

/**
 * Whether a connection may be of no use after an error. One that still works answers with a
 * SQLSTATE, and not with one about the connection or the server's end.
 */
export function isConnectionLost(error: unknown): boolean {
  const code = sqlStateOf(error);
  return code === undefined || code.startsWith("08") || code.startsWith("57P");
}

/** Whether the same statement may well succeed a moment later. */
export function isPassing(error: unknown): boolean {
  const state = sqlStateOf(error);
  if (state !== undefined) return state.startsWith("08") || PASSING_STATES.has(state);
  return isLost(error, LOST, LOST_MESSAGES);
}

/** What an error says. */
export function reasonOf(error: unknown): string {
  const reason = error instanceof Error ? error.message || error.name : String(error);
  const code = sqlStateOf(error);
  return code === undefined ? reason : `${reason} (SQLSTATE ${code})`;
}
