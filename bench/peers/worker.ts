/**
 * What an adapter does as a program of its own: it takes the order of `main.ts`, warms up, measures
 * once and says what it found in the last line of its output.
 *
 * @module
 */

import type { Round } from "./figures.ts";
import { measure } from "./measure.ts";
import type { OpenPeer } from "./peer.ts";
import { QUICK, type Sizes } from "./sizes.ts";

/** What a worker is told, as JSON in its only argument. */
export interface Order {
  /** An empty database of its own. */
  readonly dsn: string;
  /** How large the workloads are. */
  readonly sizes: Sizes;
}

/** Measures a peer as the process's arguments say. */
export async function runWorker(open: OpenPeer): Promise<void> {
  const order: Order = JSON.parse(Deno.args[0] ?? "");
  console.log(JSON.stringify(await measureOnce(open, order)));
  // Some peers leave timers or connections behind.
  Deno.exit();
}

/** Opens a peer, warms it up and measures it. */
export async function measureOnce(open: OpenPeer, { dsn, sizes }: Order): Promise<Round> {
  await using peer = await open(dsn);
  await measure(peer, dsn, QUICK);
  return { setUp: peer.setUp, figures: await measure(peer, dsn, sizes) };
}
