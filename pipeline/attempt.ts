/**
 * One task's attempts: a node's function called once, or again after it threw, each within its
 * time limit.
 *
 * @module
 */

import type { NodeContext, RetryOptions } from "./definition.ts";
import { NodeTimeoutError } from "./errors.ts";
import { LONGEST_TIMER_MS, type PlannedNode } from "./planned_node.ts";

/**
 * Calls a node that has options until an attempt succeeds or none is left.
 *
 * @throws What the last attempt threw, or the reason of the signal when that aborts.
 */
export async function attempts<State>(
  node: PlannedNode<State>,
  state: State,
  context: NodeContext,
  onRetry: (attempt: number, error: unknown) => void,
): Promise<unknown> {
  const { attempts, delayMs = 0 }: RetryOptions = node.retry ?? { attempts: 1 };
  for (let attempt = 1;; attempt++) {
    try {
      return await withinTime(node, state, { ...context, attempt });
    } catch (error) {
      if (attempt >= attempts || context.signal.aborted) throw error;
      onRetry(attempt, error);
      await delay(delayMs, context.signal);
    }
  }
}

async function withinTime<State>(
  node: PlannedNode<State>,
  state: State,
  context: NodeContext,
): Promise<unknown> {
  const { timeoutMs } = node;
  if (timeoutMs === undefined) return await node.run(state, context);
  const timeout = new AbortController();
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const error = new NodeTimeoutError(context, node.name, timeoutMs);
    timeout.abort(error);
    late.reject(error);
  }, timeoutMs);
  const signal = AbortSignal.any([context.signal, timeout.signal]);
  try {
    return await Promise.race([node.run(state, { ...context, signal }), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits, or throws the signal's reason as soon as that aborts. */
function delay(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stop = () => reject(signal.reason);
  const timer = setTimeout(resolve, Math.min(ms, LONGEST_TIMER_MS));
  signal.addEventListener("abort", stop, { once: true });
  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  });
}
