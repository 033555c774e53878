/**
 * A real PostgreSQL for the tests: a throw-away server where its binaries are installed.
 *
 * @module
 */

import { join } from "@std/path";
import { createDatabase, type Database, query, type Row, withDatabase } from "./database.ts";
import { freePort } from "./port.ts";
import { Watchdog } from "./watchdog.ts";

/** A role of every throw-away server that has to tell its password. */
export const GUARDED = { user: "guarded", password: "correct:horse@battery/100%" };

/** A server that tests may fill, but not stop. */
export interface Postgres {
  /** Where a database of it is found. */
  dsn(database?: string): string;
  /** Makes an empty database. */
  createDatabase(): Promise<Database>;
}

/** For tests: small, and nobody but they connects to their databases. */
const FOR_TESTS = `
shared_buffers = 32MB
# Its workers connect to the databases, whose connections and commits are counted.
autovacuum = off
`;

const CONFIG = `
listen_addresses = '127.0.0.1'
# So that the log tells whose statement it was.
log_line_prefix = 'in %d: '
log_min_messages = warning
`;

const HOST_RULES = `
local all all trust
host all ${GUARDED.user} 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
`;

const REMOVE = `
"$1" -D "$2/data" -m immediate -w stop
rm -rf "$2"
`;

/** A server of our own: it may be stopped, and its log be read. */
export class ThrowAwayPostgres implements Postgres, AsyncDisposable {
  /** The folder of its unix socket, and of all it stores. */
  readonly folder: string;
  /** Its port, the same after every start. */
  readonly port: number;
  readonly #pgCtl: string;
  readonly #watchdog: Watchdog;

  /** Takes a folder with an initialized cluster. */
  constructor(folder: string, port: number, pgCtl: string) {
    this.folder = folder;
    this.port = port;
    this.#pgCtl = pgCtl;
    this.#watchdog = new Watchdog(REMOVE, [pgCtl, folder], folder, asOwner([]));
  }

  /** Where a database is found over TCP, or where a proxy before it listens. */
  dsn(database = "postgres", port: number = this.port): string {
    return `postgresql://postgres@127.0.0.1:${port}/${database}`;
  }

  /** Makes an empty database. */
  createDatabase(): Promise<Database> {
    return createDatabase(this.dsn());
  }

  /** Starts it (again), and comes back when it takes connections. */
  async start(): Promise<void> {
    await this.#control("start", "-l", join(this.folder, "log"));
  }

  /** Stops it as an administrator would: connections are ended, what is stored stays. */
  async stop(): Promise<void> {
    await this.#control("stop", "-m", "fast");
  }

  /** Stops it as a crash would. */
  async kill(): Promise<void> {
    await this.#control("stop", "-m", "immediate");
  }

  /** What it logged about one database, entry by entry. */
  async log(database: string): Promise<readonly string[]> {
    const text = await Deno.readTextFile(join(this.folder, "log"));
    const prefix = `in ${database}: `;
    return text.split(/^(?=in [^ ]*: )/m).filter((entry) => entry.startsWith(prefix))
      .map((entry) => entry.slice(prefix.length).trim());
  }

  /** Runs SQL as the superuser, in the given database. */
  query(sql: string, database?: string): Promise<readonly Row[]> {
    return query(this.dsn(database), sql);
  }

  /** Stops it and removes all that it stored. */
  async close(): Promise<void> {
    await this.#watchdog.close();
  }

  /** The same as {@linkcode close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #control(...args: readonly string[]): Promise<void> {
    await run(asOwner([this.#pgCtl, "-D", join(this.folder, "data"), "-w", ...args]), this.folder);
  }
}

/**
 * Starts a server of our own.
 *
 * @param settings Lines of its configuration; all else is as PostgreSQL has it by default.
 */
export async function startPostgres(settings: string = FOR_TESTS): Promise<ThrowAwayPostgres> {
  const binaries = await findBinaries();
  if (binaries === undefined) {
    throw new Error("Cannot start PostgreSQL: none in /usr/lib/postgresql; install it");
  }
  const folder = await run(asOwner(["mktemp", "-d", "-t", "firefly-postgres-XXXXXX"]), "/");
  const data = join(folder, "data");
  await run(
    asOwner([
      join(binaries, "initdb"),
      `--pgdata=${data}`,
      "--username=postgres",
      "--auth=trust",
      "--encoding=UTF8",
      "--no-locale",
      "--no-sync",
    ]),
    folder,
  );
  const port = freePort();
  const config = `${CONFIG}${settings}port = ${port}\nunix_socket_directories = '${folder}'\n`;
  await Deno.writeTextFile(join(data, "postgresql.conf"), config, { append: true });
  await Deno.writeTextFile(join(data, "pg_hba.conf"), HOST_RULES);
  const server = new ThrowAwayPostgres(folder, port, join(binaries, "pg_ctl"));
  await server.start();
  await server.query(`CREATE ROLE ${GUARDED.user} LOGIN PASSWORD '${GUARDED.password}'`);
  return server;
}

/** A server of our own, or the one that PG_DSN names where none is installed. */
export async function findPostgres(): Promise<Postgres> {
  const given = Deno.env.get("PG_DSN");
  if (given === undefined || await findBinaries() !== undefined) return await startPostgres();
  return {
    dsn: (database) => database === undefined ? given : withDatabase(given, database),
    createDatabase: () => createDatabase(given),
  };
}

/** Debian keeps them off the PATH, one folder a version. */
async function findBinaries(): Promise<string | undefined> {
  const root = "/usr/lib/postgresql";
  try {
    const versions = (await Array.fromAsync(Deno.readDir(root))).map(({ name }) => Number(name));
    return versions.length === 0 ? undefined : join(root, String(Math.max(...versions)), "bin");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** PostgreSQL refuses to run as root. */
function asOwner(command: readonly string[]): readonly string[] {
  if (Deno.uid() !== 0) return command;
  return [
    "setpriv",
    "--reuid=postgres",
    "--regid=postgres",
    "--clear-groups",
    ...command,
  ];
}

async function run(
  [command = "", ...args]: readonly string[],
  cwd: string,
): Promise<string> {
  const output = await new Deno.Command(command, { args, cwd, stdin: "null" }).output();
  const [said, complaint] = [output.stdout, output.stderr].map((bytes) =>
    new TextDecoder().decode(bytes).trim()
  );
  if (!output.success) throw new Error(`${args.join(" ")} failed: ${complaint}\n${said}`);
  return said ?? "";
}
