/**
 * Running a script for as long as there is hope: again after failures that pass, and what fails for
 * good says what was wanted.
 *
 * @module
 */

import type { SendCommand } from "./redis_client.ts";
import { isPassing, reasonOf, RedisError } from "./redis_error.ts";
import { isUnknownScript, type Keys, runScript, type Script, sendScript } from "./redis_script.ts";
import { retrying, tryAgain } from "./retry.ts";

/** How scripts are run. */
export interface Patience {
  /** Sends a command. */
  readonly send: SendCommand;
  /** No try begins later than so many milliseconds after the first. */
  readonly retryForMs: number;
  /** Whether nothing is to be tried again any more. */
  readonly isOver: () => boolean;
}

/**
 * Runs a script for a call; throws a `RedisError` if it fails for good.
 *
 * @param what What the call is to do, as the error says it: `save a checkpoint`.
 */
export type RunFor = (
  what: string,
  script: Script,
  keys: Keys,
  args: readonly string[],
) => Promise<unknown>;

/** Makes what runs scripts. */
export function patientRuns({ send, retryForMs, isOver }: Patience): RunFor {
  const isWorthIt = (error: unknown) => !isOver() && isPassing(error);

  const runAgain = async (
    what: string,
    run: () => Promise<unknown>,
    error: unknown,
    deadline: number,
  ) => {
    try {
      if (isUnknownScript(error)) return await retrying(retryForMs, isWorthIt, run);
      return await tryAgain(error, { deadline, isPassing: isWorthIt }, run);
    } catch (cause) {
      if (cause instanceof RedisError || cause instanceof TypeError) throw cause;
      throw new RedisError(`Cannot ${what} in Redis: ${reasonOf(cause)}`, { cause });
    }
  };

  return (what, script, keys, args) => {
    const deadline = performance.now() + retryForMs;
    const again = (error: unknown) =>
      runAgain(what, () => runScript(send, script, keys, args), error, deadline);
    try {
      return sendScript(send, script, keys, args).catch(again);
    } catch (error) {
      // The client throws at once.
      return again(error);
    }
  };
}
