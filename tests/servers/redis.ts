/**
 * A real Redis or Valkey for the tests: a throw-away server.
 *
 * @module
 */

import { join } from "@std/path";
import { freePort } from "./port.ts";
import { Watchdog } from "./watchdog.ts";

/** The programs of one kind of server. */
export interface Programs {
  /** How it is called. */
  readonly name: string;
  /** The server. */
  readonly server: string;
  /** The client for the shell. */
  readonly cli: string;
}

/** Redis. */
export const REDIS: Programs = { name: "Redis", server: "redis-server", cli: "redis-cli" };

/** Valkey. */
export const VALKEY: Programs = { name: "Valkey", server: "valkey-server", cli: "valkey-cli" };

const REMOVE = `
kill -9 "$(cat "$1/pid")"
rm -rf "$1"
`;

/** A server of our own: it may be stopped and started. */
export class ThrowAwayRedis implements AsyncDisposable {
  /** The folder of all it stores. */
  readonly folder: string;
  /** Its port, the same after every start. */
  readonly port: number;
  readonly #programs: Programs;
  readonly #settings: readonly string[];
  readonly #watchdog: Watchdog;

  /** Takes an empty folder, and settings as the command line takes them. */
  constructor(folder: string, port: number, programs: Programs, settings: readonly string[]) {
    this.folder = folder;
    this.port = port;
    this.#programs = programs;
    this.#settings = settings;
    this.#watchdog = new Watchdog(REMOVE, [folder], folder, []);
  }

  /** Where a database of it is found, or where a proxy before it listens. */
  url(database = 0, port: number = this.port): string {
    return `redis://127.0.0.1:${port}/${database}`;
  }

  /** Starts it (again), and comes back when it takes commands. */
  async start(...settings: readonly string[]): Promise<void> {
    await run(this.#programs.server, [
      ...["--port", String(this.port), "--bind", "127.0.0.1", "--dir", this.folder],
      ...["--daemonize", "yes", "--pidfile", join(this.folder, "pid")],
      ...["--save", "", "--enable-debug-command", "yes", "--logfile", join(this.folder, "log")],
      ...this.#settings,
      ...settings,
    ]);
    await until(async () => (await this.#ask("ping")).stdout === "PONG");
  }

  /** Stops it as an administrator would: what it is to keep, it keeps. */
  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }

  /** Stops it as a crash would. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** Its process, while it runs. */
  async pid(): Promise<number> {
    return Number(await Deno.readTextFile(join(this.folder, "pid")));
  }

  /** What it answers to a command, as its client for the shell prints it. */
  async cli(...words: readonly string[]): Promise<string> {
    const { success, stdout, stderr } = await this.#ask(...words);
    if (!success) throw new Error(`${words.join(" ")} failed: ${stderr} ${stdout}`);
    return stdout;
  }

  /** How often it was asked for each command since the counts were last reset. */
  async calls(): Promise<ReadonlyMap<string, number>> {
    const lines = (await this.cli("info", "commandstats")).split("\n");
    return new Map(lines.flatMap((line) => {
      const [, command, calls] = /^cmdstat_([^:]+):calls=(\d+)/.exec(line) ?? [];
      return command === undefined ? [] : [[command, Number(calls)]];
    }));
  }

  /** Stops it and removes all that it stored. */
  async close(): Promise<void> {
    await this.#watchdog.close();
  }

  /** The same as {@linkcode close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #ask(...words: readonly string[]) {
    return await output(this.#programs.cli, ["-p", String(this.port), "--raw", ...words]);
  }

  async #end(signal: Deno.Signal): Promise<void> {
    const pid = await this.pid();
    Deno.kill(pid, signal);
    await until(async () => !(await output("kill", ["-0", String(pid)])).success);
  }
}

/** Starts a server of our own, with settings as the command line takes them. */
export async function startRedis(
  programs: Programs = REDIS,
  ...settings: readonly string[]
): Promise<ThrowAwayRedis> {
  const folder = await Deno.makeTempDir({ prefix: "firefly-redis-" });
  const server = new ThrowAwayRedis(folder, freePort(), programs, settings);
  await server.start();
  return server;
}

/** A cluster of servers of our own. */
export interface RedisCluster extends AsyncDisposable {
  /** Its nodes, each with a third of the slots. */
  readonly nodes: readonly ThrowAwayRedis[];
}

/** Starts a cluster of three nodes, and comes back when they have found each other. */
export async function startCluster(): Promise<RedisCluster> {
  const nodes = await Promise.all([0, 1, 2].map(async () => {
    const folder = await Deno.makeTempDir({ prefix: "firefly-redis-" });
    const settings = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
    const node = new ThrowAwayRedis(folder, clusterPort(), REDIS, settings);
    await node.start();
    return node;
  }));
  for (const [index, node] of nodes.entries()) {
    const [from, to] = [index, index + 1].map((third) => Math.ceil(third * 16_384 / 3));
    await node.cli("cluster", "addslotsrange", String(from), String(Number(to) - 1));
    for (const { port } of nodes) await node.cli("cluster", "meet", "127.0.0.1", String(port));
  }
  for (const node of nodes) {
    await until(async () => {
      const info = await node.cli("cluster", "info");
      return info.includes("cluster_state:ok") && info.includes("cluster_known_nodes:3");
    });
  }
  return {
    nodes,
    async [Symbol.asyncDispose]() {
      for (const node of nodes) await node.close();
    },
  };
}

/** Nodes talk to each other at a port that is 10,000 higher. */
function clusterPort(): number {
  for (;;) {
    const port = freePort();
    if (port + 10_000 < 65_536) return port;
  }
}

/** Why a kind of server cannot be tested here; `undefined` where it is installed. */
export async function whyNot({ name, server }: Programs): Promise<string | undefined> {
  try {
    await run(server, ["--version"]);
    return undefined;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return `${name} is not installed: there is no ${server}`;
  }
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let left = 2_000; !await isSo(); left--) {
    if (left === 0) throw new Error("Redis does not do what it was told");
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

async function run(command: string, args: readonly string[]): Promise<void> {
  const { success, stdout, stderr } = await output(command, args);
  if (!success) throw new Error(`${command} ${args.join(" ")} failed: ${stderr} ${stdout}`);
}

async function output(command: string, args: readonly string[]) {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    stdin: "null",
  }).output();
  const [said = "", complaint = ""] = [stdout, stderr].map((bytes) =>
    new TextDecoder().decode(bytes).trimEnd()
  );
  return { success, stdout: said, stderr: complaint };
}
