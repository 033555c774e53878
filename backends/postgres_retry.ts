/**
 * Trying again while a server restarts or a connection is lost.
 *
 * @module
 */

import { isPassing } from "./postgres_error.ts";

const FIRST_DELAY_MS = 10;
const LONGEST_DELAY_MS = 1_000;

/**
 * Does some work, and again after failures that pass, with growing random delays.
 *
 * @param forMs No try begins later than so many milliseconds after the first.
 * @throws What the last try threw.
 */
export async function retrying<T>(forMs: number, work: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + forMs;
  for (let delayMs = FIRST_DELAY_MS;; delayMs = Math.min(delayMs * 2, LONGEST_DELAY_MS)) {
    try {
      return await work();
    } catch (error) {
      const pauseMs = delayMs * (0.5 + Math.random() / 2);
      if (!isPassing(error) || performance.now() + pauseMs > deadline) throw error;
      await new Promise<void>((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}
