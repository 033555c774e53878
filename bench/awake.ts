/**
 * Keeping the processors awake. A processor that nothing is asked of falls asleep, and the deeper
 * the longer: a round trip to a server is then mostly the time that two of them take to wake up,
 * now so and now so. What nobody else wants of them is burnt here meanwhile.
 *
 * @module
 */

/** Ends with the process that began it, however that ended. */
const BURN = "while kill -0 $PPID 2>/dev/null; do :; done";

/** Keeps the processors awake until it is disposed of; does nothing where there is no `chrt`. */
export function keepAwake(): Disposable {
  const burning = Array.from({ length: navigator.hardwareConcurrency }, burn);
  return {
    [Symbol.dispose]() {
      for (const child of burning) child?.kill("SIGKILL");
    },
  };
}

/** A process that runs when no other one wants to, and is put aside at once when one does. */
function burn(): Deno.ChildProcess | undefined {
  try {
    return new Deno.Command("chrt", { args: ["--idle", "0", "sh", "-c", BURN] }).spawn();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
