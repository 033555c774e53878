/**
 * Trying again while a server restarts or a connection is lost, and telling a lost one by its
 * silence.
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

/**
 * Waits for an answer, but not for ever: a server that is gone without a word, and some drivers
 * whose connections are ended, never give one.
 *
 * @throws {Deno.errors.TimedOut} If there is none in time; the statement may have had its effect.
 */
export function answered<T>(answer: Promise<T>, timeoutMs: number): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const timer = setTimeout(
    () => reject(new Deno.errors.TimedOut(`no answer in ${timeoutMs} ms`)),
    timeoutMs,
  );
  // Not `Promise.race`, which takes several turns more on the way of every answer.
  const settle = <V>(act: (value: V) => void) => (value: V) => {
    clearTimeout(timer);
    act(value);
  };
  answer.then(settle(resolve), settle(reject));
  return promise;
}
