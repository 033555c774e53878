/**
 * One task's attempts: a node's function called once, or again after it failed, each within its
 * time limit.
 *
 * @module
 */

import type { NodeContext, RetryOptions } from "./definition.ts";
import { label, NodeTimeoutError } from "./errors.ts";
import { LONGEST_TIMER_MS, type PlannedNode } from "./planned_node.ts";
import { delayLeft, type FailedAttempt, isRetried, retryDelay } from "./retry.ts";

/** Notes that an attempt failed and another one follows; that one waits until it is noted. */
export type NoteRetry = (failed: FailedAttempt, delayMs: number, error: unknown) => Promise<void>;

/** What goes with the attempts of one task. */
export interface Attempts {
  /** Those that failed before the run was loaded. */
  readonly failed?: FailedAttempt;
  /** Is told the number of each attempt as it begins. */
  readonly onAttempt: (attempt: number) => void;
  /** Notes those that fail. */
  readonly noteRetry: NoteRetry;
}

const ONCE: RetryOptions = { attempts: 1 };

/**
 * Calls a node until an attempt succeeds or none is left.
 *
 * @param context That of the first attempt to be made.
 * @throws What the last attempt threw, or the reason of the signal when that aborts.
 */
export async function attemptsOf<State>(
  node: PlannedNode<State>,
  state: State,
  context: NodeContext,
  { failed, onAttempt, noteRetry }: Attempts,
): Promise<unknown> {
  const { retry = ONCE } = node;
  const { signal } = context;
  if (failed !== undefined) await delay(delayLeft(retry, failed), signal);
  for (let attempt = context.attempt;; attempt++) {
    onAttempt(attempt);
    try {
      return await limited(node, state, { ...context, attempt });
    } catch (error) {
      const what = `node "${node.name}" of ${label(context)}`;
      if (signal.aborted || !isRetried(retry, attempt, error, what)) throw error;
      const delayMs = retryDelay(retry, attempt);
      const since = performance.now();
      await noteRetry({ attempt, retryAt: timeIn(delayMs) }, delayMs, error);
      await delay(Math.max(0, delayMs - (performance.now() - since)), signal);
    }
  }
}

/** Calls a node once, within its time limit where it has one. */
export function limited<State>(
  node: PlannedNode<State>,
  state: State,
  context: NodeContext,
): unknown {
  const { timeoutMs } = node;
  return timeoutMs === undefined
    ? node.run(state, context)
    : withinTime(node, state, context, timeoutMs);
}

async function withinTime<State>(
  node: PlannedNode<State>,
  state: State,
  context: NodeContext,
  timeoutMs: number,
): Promise<unknown> {
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
    return await Promise.race([node.run(state, { ...context, signal }), late.promise]);
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
 * Waits, for a turn of the event loop at least, or throws the signal's reason as soon as that
 * aborts.
 */
async function delay(ms: number, signal: AbortSignal): Promise<void> {
  let left = ms;
  do {
    await shortDelay(Math.min(left, LONGEST_TIMER_MS), signal);
    left -= LONGEST_TIMER_MS;
  } while (left > 0);
}

function shortDelay(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stop = () => reject(signal.reason);
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", stop, { once: true });
  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  });
}
