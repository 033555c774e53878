/**
 * When a node that failed is tried again.
 *
 * @module
 */

import { StateSerializationError } from "./codec.ts";
import type { RetryOptions } from "./definition.ts";
import { InputValidationError } from "./schema.ts";

/** A task's attempts so far, where another one follows. */
export interface FailedAttempt {
  /** The number of the last attempt that failed: 1 for the first. */
  readonly attempt: number;
  /** When the next one is due by the wall clock, ISO 8601 in UTC. */
  readonly retryAt: string;
}

/** The longest wait after an attempt failed, in milliseconds: what chance takes nothing off. */
export function longestDelay(
  { delayMs = 0, factor = 2, maxDelayMs = Infinity }: RetryOptions,
  attempt: number,
): number {
  // 0 * Infinity is no number.
  return delayMs === 0 ? 0 : Math.min(maxDelayMs, delayMs * factor ** (attempt - 1));
}

/** The wait after an attempt failed, in milliseconds. */
export function retryDelay(retry: RetryOptions, attempt: number): number {
  const { jitter = 0 } = retry;
  return longestDelay(retry, attempt) * (1 - jitter * Math.random());
}

/**
 * What is left of a wait that began in another process, in milliseconds. Clocks differ: it is never
 * longer than the whole wait.
 */
export function delayLeft(retry: RetryOptions, { attempt, retryAt }: FailedAttempt): number {
  const left = Date.parse(retryAt) - Date.now();
  return left > 0 ? Math.min(left, longestDelay(retry, attempt)) : 0;
}

/**
 * Whether another attempt follows one that failed.
 *
 * @throws {AggregateError} If `retryOn` throws, with what the attempt threw as the first error.
 * @throws {TypeError} If `retryOn` answers with something else than true or false.
 */
export function isRetried(
  { attempts, retryOn }: RetryOptions,
  attempt: number,
  error: unknown,
  what: () => string,
): boolean {
  if (attempt >= attempts || isFinal(error)) return false;
  if (retryOn === undefined) return true;
  const answer = ask(retryOn, error, attempt, what);
  if (typeof answer === "boolean") return answer;
  throw new TypeError(
    `Cannot retry ${what()}: its retryOn answered with ${typeof answer}; it must answer with true or ` +
      "false, at once",
    { cause: error },
  );
}

function ask(
  retryOn: (error: unknown, attempt: number) => unknown,
  error: unknown,
  attempt: number,
  what: () => string,
): unknown {
  try {
    return retryOn(error, attempt);
  } catch (thrown) {
    const message =
      `Cannot retry ${what()}: its retryOn threw, after attempt ${attempt} had failed`;
    throw new AggregateError([error, thrown], message, { cause: thrown });
  }
}

/** Whether an error is an answer that the next attempt would get as well. */
function isFinal(error: unknown): boolean {
  return error instanceof InputValidationError || error instanceof StateSerializationError ||
    (error instanceof Error && error.name === "AbortError");
}
