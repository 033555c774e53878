/**
 * A node made ready to run.
 *
 * @module
 */

import { quoted } from "./errors.ts";
import { refuseUnknownOptions } from "./known_options.ts";
import { type SubRuns, subRunsOf } from "./sub_runs.ts";
import { escapeName } from "./task_id.ts";
import type { Node, NodeContext, NodeOptions, RetryOptions } from "./definition.ts";

/** The node ids of checkpoints that record no node visit. */
export const START_NODE_ID = "__start__";
/** Recorded where a call went on with a run. */
export const RESUME_NODE_ID = "__resume__";
/** Recorded where a run was cancelled. */
export const CANCEL_NODE_ID = "__cancel__";
/** Recorded where a worker let go of a run. */
export const DRAIN_NODE_ID = "__drain__";
/** Recorded where a run begins as the fork of another one. */
export const FORK_NODE_ID = "__fork__";
/** Recorded where a run is about to be removed. */
export const PRUNE_NODE_ID = "__prune__";

/** Timers count in 32 bits; who asks for more, some 25 days, asks for no limit. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

const RESERVED: ReadonlySet<string> = new Set([
  START_NODE_ID,
  RESUME_NODE_ID,
  CANCEL_NODE_ID,
  DRAIN_NODE_ID,
  FORK_NODE_ID,
  PRUNE_NODE_ID,
]);

const RETRY_OPTIONS = [
  "attempts",
  "delayMs",
  "factor",
  "maxDelayMs",
  "jitter",
  "retryOn",
] as const satisfies readonly (keyof RetryOptions)[];

/** A node as the engine runs it. */
export interface PlannedNode<State> {
  /** Name of the node. */
  readonly name: string;
  /** The node's part of its tasks' ids. */
  readonly taskIdPart: string;
  /** Its work; what it returns is checked when it does. */
  readonly run: (state: State, context: NodeContext) => unknown;
  /** How often it is tried, if more than once. */
  readonly retry?: RetryOptions;
  /** Longest time of one attempt in milliseconds. */
  readonly timeoutMs?: number;
  /** The shape of the answer to its pauses. */
  readonly answer?: NodeOptions<State, object>["answer"];
  /** The runs that its tasks hold, if they do. */
  readonly subRuns?: SubRuns;
  /** Where the run goes on when the last attempt failed; nowhere if that fails the run. */
  readonly onError?: string;
  /** Whether a failure of it is more than a failure of the run: it has `retry` or `onError`. */
  readonly isGuarded: boolean;
}

/**
 * Checks a node.
 *
 * @param names All nodes of the pipeline.
 * @throws {TypeError} If its name is empty or reserved, it is no function, an option is unknown, or
 * `onError` leads nowhere.
 * @throws {RangeError} If an option is out of its range.
 */
export function planNode<State>(
  name: string,
  node: Node<State, object, string>,
  names: ReadonlySet<string>,
  pipelineName: string,
): PlannedNode<State> {
  const where = `node "${name}" of pipeline "${pipelineName}"`;
  if (name === "") {
    throw new TypeError(`Cannot define pipeline "${pipelineName}": a node has an empty name`);
  }
  if (RESERVED.has(name)) {
    throw new TypeError(`Cannot define ${where}: the name is kept for the run's own checkpoints`);
  }
  const options: NodeOptions<State, object, string> = typeof node === "function"
    ? { run: node }
    : node;
  if (typeof options?.run !== "function") {
    throw new TypeError(
      `Cannot define ${where}: it must be a function, or an object with a function "run"`,
    );
  }
  const { run, retry, timeoutMs, onError, answer } = options;
  refuseUnknownOptions(
    options,
    ["run", "retry", "timeoutMs", "onError", "answer"],
    `define ${where}`,
  );
  if (retry !== undefined) checkRetry(retry, where);
  if (timeoutMs !== undefined) checkRange(timeoutMs, 1, `timeoutMs of ${where}`);
  if (onError !== undefined) checkOnError(name, onError, names, pipelineName);
  const isLimited = timeoutMs !== undefined && timeoutMs <= LONGEST_TIMER_MS;
  const limit = isLimited ? timeoutMs : undefined;
  const handler = onError === "fail" ? undefined : onError;
  return {
    name,
    taskIdPart: escapeName(name),
    run,
    retry,
    timeoutMs: limit,
    answer,
    subRuns: subRunsOf(run),
    onError: handler,
    isGuarded: retry !== undefined || handler !== undefined,
  };
}

function checkRetry(retry: RetryOptions, where: string): void {
  if (typeof retry !== "object" || retry === null) {
    throw new TypeError(`Cannot define ${where}: retry must be an object with attempts`);
  }
  refuseUnknownOptions(retry, RETRY_OPTIONS, `define retry of ${where}`);
  const { attempts, delayMs = 0, factor = 1, maxDelayMs = 0, jitter = 0, retryOn } = retry;
  checkRange(attempts, 1, `retry.attempts of ${where}`);
  checkRange(delayMs, 0, `retry.delayMs of ${where}`);
  checkRange(factor, 1, `retry.factor of ${where}`);
  checkRange(maxDelayMs, 0, `retry.maxDelayMs of ${where}`);
  checkRange(jitter, 0, `retry.jitter of ${where}`, 1);
  if (retryOn !== undefined && typeof retryOn !== "function") {
    throw new TypeError(
      `Cannot define ${where}: retry.retryOn must be a function of the error and the attempt that ` +
        "answers with true or false",
    );
  }
}

function checkOnError(
  node: string,
  onError: unknown,
  nodes: ReadonlySet<string>,
  pipelineName: string,
): void {
  const where = `onError of node "${node}" of pipeline "${pipelineName}"`;
  if (onError === node) {
    throw new TypeError(`Cannot use ${where}: it is the node itself; use retry to try it again`);
  }
  if (onError === "fail") {
    if (!nodes.has("fail")) return;
    throw new TypeError(
      `Cannot use ${where}: "fail" fails the run, and is a node as well; give that node another name`,
    );
  }
  if (typeof onError === "string" && nodes.has(onError)) return;
  const shown = typeof onError === "string" ? `"${onError}"` : String(onError);
  throw new TypeError(
    `Cannot use ${where}: it is ${shown}, and must be "fail" or a node; the nodes are ` +
      quoted(nodes),
  );
}

/** Refuses a number out of its range; `NaN` and other types are refused too. */
export function checkRange(value: number, least: number, what: string, most = Infinity): void {
  if (typeof value === "number" && value >= least && value <= most) return;
  const shown = typeof value === "string" ? `"${value}"` : String(value);
  const range = most === Infinity ? `of at least ${least}` : `from ${least} to ${most}`;
  throw new RangeError(`Cannot use ${shown} as ${what}: it must be a number ${range}`);
}
