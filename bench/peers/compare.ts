/**
 * Has every peer measured, in turns.
 *
 * @module
 */

import type { ThrowAwayPostgres } from "../../tests/servers/postgres.ts";
import { type Entry, PACKAGES } from "./entries.ts";
import type { Round } from "./figures.ts";
import { thisMachine } from "./machine.ts";
import type { PeerResults, Results } from "./results.ts";
import type { Sizes } from "./sizes.ts";
import type { Order } from "./worker.ts";

/** Measures the peers round by round, each in a process and a database of its own. */
export async function compare(
  server: ThrowAwayPostgres,
  entries: readonly Entry[],
  sizes: Sizes,
  rounds: number,
): Promise<Results> {
  const found = new Map(entries.map((entry): [Entry, Round[]] => [entry, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const [entry, measured] of found) {
      console.error(`Round ${round} of ${rounds}: ${entry.name}`);
      const database = await server.createDatabase();
      measured.push(await measureInProcess(entry, { dsn: database.dsn, sizes }));
      // Not after a failure: it goes with its server, and to drop it could fail, too, and hide why.
      await database[Symbol.asyncDispose]();
    }
  }
  const [row] = await server.query("SELECT split_part(version(), ' ', 2) AS version");
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: await thisMachine(String(row?.version)),
    packages: PACKAGES,
    sizes,
    peers: [...found].map(([entry, measured]) => peerResults(entry, measured)),
  };
}

function peerResults(
  { id, name, shortName }: Entry,
  measured: readonly Round[],
): PeerResults {
  const rounds = measured.map(({ figures }) => figures);
  return { id, name, shortName, setUp: measured[0]?.setUp ?? "", rounds };
}

/** The peer's program says what it found in its last line; what peers log comes before. */
async function measureInProcess(entry: Entry, order: Order): Promise<Round> {
  const { success, code, signal, stdout } = await new Deno.Command(Deno.execPath(), {
    args: [...entry.args, JSON.stringify(order)],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).output();
  const said = new TextDecoder().decode(stdout).trim();
  if (!success) {
    throw new Error(
      `Cannot measure ${entry.name}: its program ended with ${signal ?? code}; it said\n${said}`,
    );
  }
  return JSON.parse(said.split("\n").at(-1) ?? "");
}
