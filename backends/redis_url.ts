/**
 * Connection URLs.
 * Source: https://www.iana.org/assignments/uri-schemes/prov/redis
 *
 * @module
 */

/** What `@db/redis` is told about a connection. */
export interface ConnectionOptions {
  /** Host name or address. */
  readonly hostname: string;
  /** Port. */
  readonly port: number;
  /** Whether the connection is encrypted. */
  readonly tls: boolean;
  /** Number of the database. */
  readonly db?: number;
  /** User; the default one where there is none. */
  readonly username?: string;
  /** Password. */
  readonly password?: string;
  /** How often a lost connection is made again by the driver: never, for we do that. */
  readonly maxRetryCount: 0;
  /** So that a large command does not wait for the answer to its first part. */
  readonly noDelay: true;
}

/**
 * Reads a connection URL: `redis://user:password@host:6379/0`, or `rediss://` over TLS. A host may
 * be an IPv6 address in brackets; the database may be a parameter, `?db=0`.
 *
 * @throws {TypeError} If it is no such URL.
 */
export function parseUrl(url: string | URL): ConnectionOptions {
  const { protocol, hostname, port, username, password, pathname, searchParams } = parse(url);
  if (protocol !== "redis:" && protocol !== "rediss:") {
    throw new TypeError(
      `Cannot connect to Redis: its URL must begin with redis:// or rediss://, not with ${protocol}//`,
    );
  }
  if (username !== "" && password === "") {
    throw new TypeError("Cannot connect to Redis: its URL has a user without a password");
  }
  const db = databaseOf(pathname.slice(1) || searchParams.get("db"));
  return {
    hostname: decodeURIComponent(hostname).replace(/^\[(.*)\]$/, "$1") || "localhost",
    port: port === "" ? 6379 : Number(port),
    tls: protocol === "rediss:",
    maxRetryCount: 0,
    noDelay: true,
    ...(db !== undefined && { db }),
    ...(username !== "" && { username: decodeURIComponent(username) }),
    ...(password !== "" && { password: decodeURIComponent(password) }),
  };
}

function parse(url: string | URL): URL {
  try {
    const parsed = new URL(url);
    for (const part of [parsed.hostname, parsed.username, parsed.password]) {
      decodeURIComponent(part);
    }
    return parsed;
  } catch {
    // Neither the text nor the cause: both hold the password.
    throw new TypeError(
      "Cannot connect to Redis: its URL cannot be read; it must be like " +
        "redis://user:password@host:6379/0, with special characters percent-encoded",
    );
  }
}

function databaseOf(text: string | null): number | undefined {
  if (text === null) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new TypeError(
    `Cannot connect to Redis: its URL must end with the number of a database, not with "${text}"`,
  );
}
