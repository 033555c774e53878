/**
 * A node made ready to run.
 *
 * @module
 */

import { quoted } from "./errors.ts";
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
}

/**
 * Checks a node.
 *
 * @throws {TypeError} If its name is empty or reserved, it is no function, or an option is unknown.
 * @throws {RangeError} If an option is out of its range.
 */
export function planNode<State>(
  name: string,
  node: Node<State, object>,
  pipelineName: string,
): PlannedNode<State> {
  const where = `node "${name}" of pipeline "${pipelineName}"`;
  if (name === "") {
    throw new TypeError(`Cannot define pipeline "${pipelineName}": a node has an empty name`);
  }
  if (RESERVED.has(name)) {
    throw new TypeError(`Cannot define ${where}: the name is kept for the run's own checkpoints`);
  }
  const options: NodeOptions<State, object> = typeof node === "function" ? { run: node } : node;
  if (typeof options?.run !== "function") {
    throw new TypeError(
      `Cannot define ${where}: it must be a function, or an object with a function "run"`,
    );
  }
  const { run, retry, timeoutMs, answer } = options;
  refuseUnknownOptions(options, ["run", "retry", "timeoutMs", "answer"], where);
  if (retry !== undefined) checkRetry(retry, where);
  if (timeoutMs !== undefined) checkRange(timeoutMs, 1, `timeoutMs of ${where}`);
  const isLimited = timeoutMs !== undefined && timeoutMs <= LONGEST_TIMER_MS;
  const limit = isLimited ? timeoutMs : undefined;
  const subRuns = subRunsOf(run);
  return { name, taskIdPart: escapeName(name), run, retry, timeoutMs: limit, answer, subRuns };
}

function checkRetry(retry: RetryOptions, where: string): void {
  if (typeof retry !== "object" || retry === null) {
    throw new TypeError(`Cannot define ${where}: retry must be an object with attempts`);
  }
  refuseUnknownOptions(retry, ["attempts", "delayMs"], `retry of ${where}`);
  checkRange(retry.attempts, 1, `retry.attempts of ${where}`);
  checkRange(retry.delayMs ?? 0, 0, `retry.delayMs of ${where}`);
}

/**
 * Refuses options that nobody knows: what was misspelt would go unheard.
 *
 * @throws {TypeError} Naming the first unknown option and the known ones.
 */
export function refuseUnknownOptions(
  options: object,
  known: readonly string[],
  where: string,
): void {
  for (const option of Object.keys(options)) {
    if (known.includes(option)) continue;
    throw new TypeError(
      `Cannot define ${where}: it has no option "${option}"; its options are ${quoted(known)}`,
    );
  }
}

/** Refuses a number below its least value; `NaN` and other types are refused too. */
export function checkRange(value: number, least: number, what: string): void {
  if (typeof value === "number" && value >= least) return;
  const shown = typeof value === "string" ? `"${value}"` : String(value);
  throw new RangeError(`Cannot use ${shown} as ${what}: it must be a number of at least ${least}`);
}
