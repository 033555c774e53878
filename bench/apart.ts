/**
 * Giving a server and the benchmark a processor each.
 *
 * @module
 */

import { cpus } from "node:os";

/**
 * Keeps a server away from this process: where both run is otherwise up to the moment, and a round
 * trip takes twice as long between two processors as on one. Does nothing where there is no
 * `taskset`, or one processor only.
 *
 * @param pid The server.
 */
export async function keepApart(pid: number): Promise<void> {
  // Of this process, `navigator.hardwareConcurrency` tells one once it was kept apart.
  if (cpus().length < 2) return;
  for (const [processor, process] of [pid, Deno.pid].entries()) {
    const args = ["-acp", String(processor), String(process)];
    try {
      await new Deno.Command("taskset", { args, stdout: "null" }).output();
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      throw error;
    }
  }
}
