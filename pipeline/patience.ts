/**
 * Patience with a store that may never answer: it has all the time that it needs, until its answer
 * is of no use any more.
 *
 * @module
 */

import { CheckpointConflictError } from "./checkpointer.ts";
import { LONGEST_TIMER_MS } from "./planned_node.ts";

/** How long an answer is waited for. */
export interface Patience {
  /** When it aborts, the wait has to end; for ever without one. */
  readonly signal: AbortSignal | undefined;
  /** For how many milliseconds the answer is waited for after that. */
  readonly leaseMs: number;
}

/**
 * The store's answer. Once the signal has aborted, it is waited for no longer than a lease lasts:
 * then another worker may have the run anyway.
 *
 * @throws {CheckpointConflictError} If no answer came, and the signal aborted since the run is lost.
 * @throws {Error} If no answer came otherwise. What was asked for may still happen.
 */
export async function answered<T>(
  answer: Promise<T>,
  { signal, leaseMs }: Patience,
): Promise<T> {
  if (signal === undefined) return await answer;
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const hurry = () => {
    const giveUp = () => reject(silence(signal.reason, leaseMs));
    timer = setTimeout(giveUp, Math.min(leaseMs, LONGEST_TIMER_MS));
  };
  if (signal.aborted) hurry();
  else signal.addEventListener("abort", hurry, { once: true });
  answer.then(resolve, reject);
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", hurry);
    clearTimeout(timer);
  }
}

/** Waits for one answer after the other, each as {@linkcode answered} does. */
export type Patient = <T>(answer: Promise<T>) => Promise<T>;

/**
 * Makes who waits for the answers of one run: it listens to the signal once, and as long as that is
 * there. To begin and to end listening for every answer costs as much as the rest of a step.
 */
export function makePatient(patience: Patience & { readonly signal: AbortSignal }): Patient {
  const { signal } = patience;
  const waiting = new Set<() => void>();
  signal.addEventListener("abort", () => waiting.forEach((hurry) => hurry()), { once: true });
  return <T>(answer: Promise<T>) => {
    if (signal.aborted) return answered(answer, patience);
    return new Promise<T>((resolve, reject) => {
      const hurry = () => answered(answer, patience).then(resolve, reject);
      waiting.add(hurry);
      answer.then((value) => {
        waiting.delete(hurry);
        resolve(value);
      }, (error) => {
        waiting.delete(hurry);
        reject(error);
      });
    });
  };
}

function silence(reason: unknown, leaseMs: number): Error {
  if (reason instanceof CheckpointConflictError) return reason;
  const message = `the store did not answer within ${leaseMs} ms after the call was aborted`;
  return new Error(message, { cause: reason });
}

/** Resolves with the answer, or after so many milliseconds. */
export async function atMost(answer: Promise<void>, ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, Math.min(ms, LONGEST_TIMER_MS));
  try {
    await Promise.race([answer, promise]);
  } finally {
    clearTimeout(timer);
  }
}
