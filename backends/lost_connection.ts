/**
 * How Deno and Node tell a connection that was refused or lost.
 *
 * @module
 */

const LOST: ReadonlySet<unknown> = new Set([
  "BadResource",
  "BrokenPipe",
  "ConnectionAborted",
  "ConnectionRefused",
  "ConnectionReset",
  "Interrupted",
  "NotConnected",
  "TimedOut",
  "UnexpectedEof",
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
]);

/**
 * Whether an error tells of a connection that was refused or lost.
 *
 * @param names Names or codes of errors with which a driver tells it too.
 * @param beginnings How a driver begins to tell it where it gives the error neither.
 */
export function isLost(
  error: unknown,
  names: ReadonlySet<unknown>,
  beginnings: readonly string[],
): boolean {
  if (!(error instanceof Error)) return false;
  const code: unknown = "code" in error ? error.code : undefined;
  // Some drivers have classes of errors, but leave their name at "Error".
  return [error.name, error.constructor.name, code].some((name) =>
    LOST.has(name) || names.has(name)
  ) || beginnings.some((beginning) => error.message.startsWith(beginning));
}
