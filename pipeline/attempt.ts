/**
 * One task's attempts: a node's function called once, or again after it failed, each within its
 * time limit.
 *
 * @module
 */

import type { AroundNode, NodeContext, RetryOptions } from "./definition.ts";
import { NodeTimeoutError } from "./errors.ts";
import { UNFINISHED } from "./host.ts";
import { LONGEST_TIMER_MS, type PlannedNode } from "./planned_node.ts";
import { delayLeft, type FailedAttempt, isRetried, retryDelay } from "./retry.ts";
import { wait } from "./wait.ts";

/** Notes that an attempt failed and another one follows; that one waits until it is noted. */
export type NoteRetry = (failed: FailedAttempt, delayMs: number, error: unknown) => Promise<void>;

/** The attempts of one task. */
export interface Attempts {
  /** How often, and when. */
  readonly retry: RetryOptions;
  /** Those that failed before the run was loaded. */
  readonly failed?: FailedAttempt;
  /** Makes one. */
  readonly attempt: (attempt: number) => unknown;
  /** Notes one that failed. */
  readonly noteRetry: NoteRetry;
  /** Ends the wait for the next one. */
  readonly signal: AbortSignal;
  /** Ends it too, and the task goes on elsewhere. */
  readonly draining: AbortSignal | undefined;
  /** Names the task for an error. */
  readonly what: () => string;
}

/**
 * Makes attempts until one succeeds or none is left. Comes back as unfinished where another one would
 * follow and the worker is to let go of the run.
 *
 * @throws What the last attempt threw, or the reason of the signal when that aborts.
 */
export async function attemptsOf(task: Attempts): Promise<unknown> {
  const { retry, failed, signal } = task;
  if (failed !== undefined && !await isTurn(delayLeft(retry, failed), task)) return UNFINISHED;
  for (let attempt = firstAttempt(task);; attempt++) {
    try {
      return await task.attempt(attempt);
    } catch (error) {
      if (signal.aborted || !isRetried(retry, attempt, error, task.what)) throw error;
      const delayMs = retryDelay(retry, attempt);
      const since = performance.now();
      await task.noteRetry({ attempt, retryAt: timeIn(delayMs) }, delayMs, error);
      if (!await isTurn(delayMs - (performance.now() - since), task)) return UNFINISHED;
    }
  }
}

/** The number of the first attempt that is made in this call. */
export function firstAttempt({ failed }: { readonly failed?: FailedAttempt }): number {
  return failed === undefined ? 1 : failed.attempt + 1;
}

/** Calls a node once, within its time limit where it has one. */
export function callNode<State>(
  node: PlannedNode<State>,
  state: State,
  context: NodeContext,
  around: AroundNode | undefined,
): unknown {
  if (node.timeoutMs !== undefined) return withinTime(node, state, context, around);
  return around === undefined
    ? node.run(state, context)
    : around(context, () => node.run(state, context));
}

async function withinTime<State>(
  node: PlannedNode<State>,
  state: State,
  context: NodeContext,
  around: AroundNode | undefined,
): Promise<unknown> {
  const { timeoutMs = LONGEST_TIMER_MS, ...unlimited } = node;
  const timeout = new AbortController();
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const error = new NodeTimeoutError(context, node.name, timeoutMs);
    // Before the signal: a node that rejects as soon as it aborts must not hide why.
    late.reject(error);
    timeout.abort(error);
  }, timeoutMs);
  const signal = AbortSignal.any([context.signal, timeout.signal]);
  try {
    const answer = callNode(unlimited, state, { ...context, signal }, around);
    return await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** The wall clock's time in so many milliseconds, as far as a date can tell it. */
function timeIn(ms: number): string {
  const LATEST_MS = 8.64e15;
  return new Date(Math.min(Date.now() + ms, LATEST_MS)).toISOString();
}

/**
 * Waits for a turn of the event loop at least, and tells whether the attempt is to be made here; throws
 * the signal's reason if that aborts.
 */
async function isTurn(
  ms: number,
  { signal, draining }: Pick<Attempts, "signal" | "draining">,
): Promise<boolean> {
  const either = draining === undefined ? signal : AbortSignal.any([signal, draining]);
  await wait(Math.max(0, ms), either);
  signal.throwIfAborted();
  return draining?.aborted !== true;
}
