/**
 * Waiting for a time to pass.
 *
 * @module
 */

import { LONGEST_TIMER_MS } from "./planned_node.ts";

/** Resolves after so many milliseconds, or as soon as the signal aborts. */
export async function wait(ms: number, signal: AbortSignal): Promise<void> {
  let left = ms;
  do {
    await waitShort(Math.min(left, LONGEST_TIMER_MS), signal);
    left -= LONGEST_TIMER_MS;
  } while (left > 0 && !signal.aborted);
}

async function waitShort(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = () => resolve();
  const timer = setTimeout(end, ms);
  signal.addEventListener("abort", end, { once: true });
  await promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", end);
}
