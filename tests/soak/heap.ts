/**
 * How much memory is in use, garbage left out.
 *
 * @module
 */

import { setTimeout as delay } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

// As `--v8-flags=--expose-gc` would, wherever this is imported.
setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

/** Bytes of the heap that something refers to. */
export async function heapInUse(): Promise<number> {
  for (let round = 0; round < 5; round++) {
    collectGarbage();
    // What is collected may have had something to do when it goes.
    await delay(10);
  }
  return Deno.memoryUsage().heapUsed;
}
