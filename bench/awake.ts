/**
 * Keeping the processors awake. A processor that nothing is asked of falls asleep, and the deeper
 * the longer: a round trip to a server is then mostly the time that two of them take to wake up,
 * now so and now so. What nobody else wants of them is burnt here meanwhile.
 *
 * @module
 */

import { cpus } from "node:os";

/** Ends with the process that began it, however that ended. */
const BURN =
  "while kill -0 $PPID 2>/dev/null; do n=0; while [ $n -lt 9999 ]; do n=$((n+1)); done; done";

/**
 * Keeps every processor awake until it is disposed of; does nothing where there is no `taskset`, or no
 * `chrt`.
 */
export function keepAwake(): Disposable {
  const burning = cpus().map((_, processor) => burn(processor));
  return {
    [Symbol.dispose]() {
      for (const child of burning) child?.kill("SIGKILL");
    },
  };
}

/** A process that runs when no other one wants to, and is put aside at once when one does. */
function burn(processor: number): Deno.ChildProcess | undefined {
  const args = ["-c", String(processor), "chrt", "--idle", "0", "sh", "-c", BURN];
  try {
    return new Deno.Command("taskset", { args }).spawn();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
