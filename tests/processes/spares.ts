/**
 * Processes that are started ahead, since a start takes longer than what is tested.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Child } from "./child.ts";

/** Keeps some processes ready. */
export interface Spares extends AsyncDisposable {
  /** One that is ready; the next one is started in its place. */
  take(): Promise<Child>;
}

/** Starts so many. */
export function makeSpares(count: number, start: () => Child): Spares {
  const spares = Array.from({ length: count }, start);
  return {
    async take() {
      const child = spares.shift() ?? start();
      spares.push(start());
      const line = await child.hear();
      if (line === undefined) assertEquals((await child.ended).complaint, "", "it did not start");
      assertEquals(line, "ready");
      return child;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(spares.map((child) => child.kill()));
    },
  };
}
