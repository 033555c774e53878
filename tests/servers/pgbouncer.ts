/**
 * A PgBouncer of our own, in transaction mode: the strictest pooler that a backend must live with.
 *
 * @module
 */

import { join } from "@std/path";
import { freePort } from "./port.ts";

const PROGRAM = "/usr/sbin/pgbouncer";

/** A running PgBouncer. */
export interface PgBouncer extends AsyncDisposable {
  /** Where a database is found behind it. */
  dsn(database: string): string;
}

/**
 * Starts one before the server at a port.
 *
 * @param connections How many connections to the server all clients of a database share.
 */
export async function startPgBouncer(
  serverPort: number,
  connections: number,
): Promise<PgBouncer> {
  const folder = await Deno.makeTempDir();
  const port = freePort();
  const config = join(folder, "pgbouncer.ini");
  await Deno.writeTextFile(
    config,
    `[databases]
* = host=127.0.0.1 port=${serverPort} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${connections}
max_client_conn = 500
`,
  );
  // It refuses to run as root.
  const isRoot = Deno.uid() === 0;
  if (isRoot) await Deno.chmod(folder, 0o755);
  const child = new Deno.Command(PROGRAM, {
    args: [...isRoot ? ["--user", "postgres"] : [], "--quiet", config],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  await untilListening(port);
  return {
    dsn: (database) => `postgresql://postgres@127.0.0.1:${port}/${database}`,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.status;
      await Deno.remove(folder, { recursive: true });
    },
  };
}

async function untilListening(port: number): Promise<void> {
  for (let left = 200;; left--) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch (error) {
      if (left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
}
