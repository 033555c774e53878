/**
 * What the calls of one pipeline share, and what is true of every call.
 *
 * @module
 */

import type { Checkpointer } from "./checkpointer.ts";
import type { AroundNode } from "./definition.ts";
import { checkDurability, type Durability } from "./durability.ts";
import type { RunName } from "./errors.ts";
import type { EventHandler } from "./events.ts";
import type { Flow } from "./flow.ts";
import { refuseUnknownOptions } from "./known_options.ts";
import type { PipelineOptions } from "./pipeline.ts";
import type { Plan } from "./plan.ts";
import { checkRange } from "./planned_node.ts";
import { checkHistory, type HistoryOption } from "./prune.ts";

/** What all calls of one pipeline share. */
export interface Caller<State extends object> {
  /** The pipeline. */
  readonly plan: Plan<State>;
  /** Where its runs are kept. */
  readonly checkpointer: Checkpointer | undefined;
  /** Steps a run may take over its whole life. */
  readonly recursionLimit: number;
  /** Tasks that run side by side. */
  readonly concurrency: number;
  /** How far a run may get ahead of its checkpoints. */
  readonly durability: Durability;
  /** What is kept of a run's past. */
  readonly history: HistoryOption;
  /** How long a worker that is not heard of is taken for alive, in milliseconds. */
  readonly leaseMs: number;
  /** Aborts when the runs of this process are to be let go. */
  readonly drained: AbortController;
  /** The calls that are under way. */
  readonly active: Set<Promise<unknown>>;
}

/** What one call brings. */
export interface Call<State> {
  /** Cancels the run. */
  readonly signal?: AbortSignal;
  /** Is told what happens. */
  readonly onEvent?: EventHandler<State>;
  /** Holds the run back for who reads its events. */
  readonly flow?: Flow;
  /** Is put around every attempt of a node. */
  readonly aroundNode?: AroundNode;
}

const OPTIONS = [
  "checkpointer",
  "recursionLimit",
  "concurrency",
  "durability",
  "leaseMs",
  "maxRecoveries",
  "history",
  "onEvent",
  "observe",
] as const satisfies readonly (keyof PipelineOptions<unknown>)[];

/**
 * Takes the options of a pipeline.
 *
 * @throws {TypeError} If there is an unknown one, or one is not what it has to be.
 * @throws {RangeError} If a number is out of its range.
 */
export function makeCaller<State extends object>(
  plan: Plan<State>,
  options: PipelineOptions<State>,
): Caller<State> {
  const { checkpointer, recursionLimit = 25, concurrency = 64, durability = "sync" } = options;
  const { leaseMs = 30_000, maxRecoveries = 5, history = "all" } = options;
  refuseUnknownOptions(options, OPTIONS, `define pipeline "${plan.name}"`);
  const { onEvent, observe } = options;
  for (const [option, value] of Object.entries({ onEvent, observe })) {
    if (value === undefined || typeof value === "function") continue;
    throw new TypeError(`Cannot define pipeline "${plan.name}": ${option} must be a function`);
  }
  checkRange(recursionLimit, 1, `recursionLimit of pipeline "${plan.name}"`);
  checkRange(concurrency, 1, `concurrency of pipeline "${plan.name}"`);
  checkDurability(durability, plan.name);
  checkHistory(history, checkpointer, plan.name);
  checkRange(leaseMs, 1, `leaseMs of pipeline "${plan.name}"`);
  checkRange(maxRecoveries, 0, `maxRecoveries of pipeline "${plan.name}"`);
  const [drained, active] = [new AbortController(), new Set<Promise<unknown>>()];
  const limits = { recursionLimit, concurrency };
  return { plan, checkpointer, ...limits, durability, history, leaseMs, drained, active };
}

/** Does a call, which `drain` waits for; misuse rejects, as every other error does. */
export async function tracked<State extends object, T>(
  { plan, drained, active }: Caller<State>,
  what: string,
  call: () => Promise<T>,
): Promise<T> {
  if (drained.signal.aborted) {
    throw new TypeError(
      `Cannot ${what} of pipeline "${plan.name}": this process was told to drain it; use another one`,
    );
  }
  const calling = call();
  active.add(calling);
  try {
    return await calling;
  } finally {
    active.delete(calling);
  }
}

/**
 * Where runs are kept.
 *
 * @throws {TypeError} If they are kept nowhere.
 */
export function store<State extends object>(
  { plan, checkpointer }: Caller<State>,
  what: string,
): Checkpointer {
  if (checkpointer !== undefined) return checkpointer;
  throw new TypeError(
    `Cannot ${what} of pipeline "${plan.name}": it has no checkpointer; pass one in the options ` +
      "of definePipeline",
  );
}

/**
 * The name of a run.
 *
 * @throws {TypeError} If its id is none.
 */
export function runName(pipelineName: string, runId: string, verb: string): RunName {
  if (typeof runId === "string" && runId !== "") return { pipelineName, runId: plainText(runId) };
  throw new TypeError(
    `Cannot ${verb} a run of pipeline "${pipelineName}": its id must be a non-empty string`,
  );
}

/**
 * The same text. V8 keeps one that comes from outside of it, such as a UUID, in another way, and
 * takes twice as long to make JSON of whatever it is in: so would every save.
 */
function plainText(text: string): string {
  return [...text].join("");
}
