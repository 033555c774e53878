/**
 * Connection URLs, as libpq reads them.
 * Source: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
 *
 * @module
 */

/** What `@db/postgres` is told about a connection; what is left out, it takes from `PG*`. */
export interface ConnectionOptions {
  /** Name that the server's views show. */
  readonly applicationName?: string;
  /** How often a lost connection is made again by the driver: never, for we do that. */
  readonly connection: { readonly attempts: 0 };
  /** Name of the database. */
  readonly database?: string;
  /** Host name, address, or folder of a unix socket. */
  readonly hostname?: string;
  /** Whether the host is a folder. */
  readonly host_type?: "tcp" | "socket";
  /** Settings of the session. */
  readonly options?: string;
  /** Password. */
  readonly password?: string;
  /** Port. */
  readonly port?: string;
  /** Whether the connection is encrypted, and whether it must be. */
  readonly tls?: { readonly enabled: boolean; readonly enforce: boolean };
  /** User. */
  readonly user?: string;
}

const TLS_BY_MODE: Readonly<Record<string, ConnectionOptions["tls"]>> = {
  disable: { enabled: false, enforce: false },
  prefer: { enabled: true, enforce: false },
  require: { enabled: true, enforce: true },
  "verify-ca": { enabled: true, enforce: true },
  "verify-full": { enabled: true, enforce: true },
};

/**
 * Reads a connection URL: `postgresql://user:password@host:5432/database?sslmode=require`. A host
 * may be an IPv6 address in brackets, or the folder of a unix socket (`%2Frun%2Fpostgresql`, or
 * `?host=/run/postgresql`). Parameters that are unknown are left to those who know them.
 *
 * @throws {TypeError} If it is no such URL, or its `sslmode` is unknown.
 */
export function parseUrl(url: string | URL): ConnectionOptions {
  const { protocol, hostname, port, username, password, pathname, searchParams } = parse(url);
  if (protocol !== "postgres:" && protocol !== "postgresql:") {
    throw new TypeError(
      `Cannot connect to Postgres: its URL must begin with postgresql://, not with ${protocol}//`,
    );
  }
  const named = hostname === NO_HOST ? "" : decodeURIComponent(hostname);
  const host = named || searchParams.get("host") || undefined;
  const isSocket = host?.startsWith("/") === true;
  const hostType: ConnectionOptions["host_type"] = isSocket ? "socket" : "tcp";
  return {
    connection: { attempts: 0 },
    ...given("hostname", host?.replace(/^\[(.*)\]$/, "$1")),
    ...given("host_type", host === undefined ? undefined : hostType),
    ...given("port", port || searchParams.get("port")),
    ...given("user", decodeURIComponent(username) || searchParams.get("user")),
    ...given("password", decodeURIComponent(password) || searchParams.get("password")),
    ...given("database", decodeURIComponent(pathname.slice(1)) || searchParams.get("dbname")),
    ...given("applicationName", searchParams.get("application_name")),
    ...given("options", searchParams.get("options")),
    ...given("tls", isSocket ? undefined : tlsOf(searchParams)),
  };
}

/**
 * Fills in `PGSSLMODE`, the one variable that `@db/postgres` does not look at itself. Where reading
 * it is not permitted, it is not asked for.
 *
 * @throws {TypeError} If its value is no `sslmode`.
 */
export function withEnvironment(options: ConnectionOptions): ConnectionOptions {
  if (options.tls !== undefined || options.host_type === "socket") return options;
  const { state } = Deno.permissions.querySync({ name: "env", variable: "PGSSLMODE" });
  const mode = state === "granted" ? Deno.env.get("PGSSLMODE") : undefined;
  return mode === undefined ? options : { ...options, tls: tlsByMode(mode) };
}

/** Stands where a URL has a user but no host, which libpq takes and the URL standard does not. */
const NO_HOST = "no-host.invalid";

function parse(url: string | URL): URL {
  try {
    return new URL(String(url).replace(/^(\w+:\/\/[^/?#@]*@)(?=[/?#]|$)/, `$1${NO_HOST}`));
  } catch {
    // Neither the text nor the cause: both hold the password.
    throw new TypeError(
      "Cannot connect to Postgres: its URL cannot be read; it must be like " +
        "postgresql://user:password@host:5432/database, with special characters percent-encoded",
    );
  }
}

function tlsOf(parameters: URLSearchParams): ConnectionOptions["tls"] {
  const mode = parameters.get("sslmode") ?? (parameters.get("ssl") === "true" ? "require" : null);
  return mode === null ? undefined : tlsByMode(mode);
}

function tlsByMode(mode: string): ConnectionOptions["tls"] {
  if (Object.hasOwn(TLS_BY_MODE, mode)) return TLS_BY_MODE[mode];
  throw new TypeError(
    `Cannot connect to Postgres: sslmode "${mode}" is none of ${
      Object.keys(TLS_BY_MODE).join(", ")
    }`,
  );
}

function given<Name extends string, Value>(
  name: Name,
  value: Value | null | undefined,
): { readonly [Key in Name]?: Value } {
  const empty: { readonly [Key in Name]?: Value } = {};
  return value === null || value === undefined ? empty : { ...empty, [name]: value };
}
