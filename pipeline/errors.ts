/**
 * What the calls of a pipeline throw, besides the built-in `TypeError` and `RangeError` for misuse.
 * What a node throws is not among them: it is part of the result.
 *
 * @module
 */

import type { RunStatus } from "./checkpoint_record.ts";
import type { PauseRecord } from "./task_record.ts";

/** A run, named for an error. */
export interface RunName {
  /** Name of the pipeline. */
  readonly pipelineName: string;
  /** Id of the run. */
  readonly runId: string;
}

/** A pause that waits for an approval, and the node that made it. */
export interface PendingPause extends Omit<PauseRecord, "payload"> {
  /** The node that paused the run. */
  readonly node: string;
  /** What the node wants the approver to see. */
  readonly payload?: unknown;
}

/** What all errors about one run tell. */
export class RunError extends Error {
  /** The name of the class. */
  override readonly name: string = "RunError";
  /** Name of the pipeline. */
  readonly pipelineName: string;
  /** Id of the run. */
  readonly runId: string;

  /** Takes the run and what could not be done with it. */
  constructor(run: RunName, message: string, options?: ErrorOptions) {
    super(message, options);
    this.pipelineName = run.pipelineName;
    this.runId = run.runId;
  }
}

/** Thrown by `invoke` when the run id is taken; nothing was run or changed. */
export class RunExistsError extends RunError {
  /** The name of the class. */
  override readonly name = "RunExistsError";

  /** Takes the run that exists. */
  constructor(run: RunName, options?: ErrorOptions) {
    super(
      run,
      `Cannot start ${label(run)}: a run with this id exists; resume it, or choose another id`,
      options,
    );
  }
}

/** Thrown when there is no checkpoint of the run. */
export class RunNotFoundError extends RunError {
  /** The name of the class. */
  override readonly name = "RunNotFoundError";

  /** Takes the run that was looked for, and what was to be done with it. */
  constructor(run: RunName, verb: string, options?: ErrorOptions) {
    super(
      run,
      `Cannot ${verb} ${label(run)}: the checkpointer has no such run; check the run id, the ` +
        "pipeline's name and where the checkpointer points",
      options,
    );
  }
}

/** Thrown by `resume` when the run waits for an approval and the call gives none. */
export class RunPausedError extends RunError {
  /** The name of the class. */
  override readonly name = "RunPausedError";
  /** What waits for an approval. */
  readonly pauses: readonly PendingPause[];

  /** Takes the run, its pauses, and what the caller should do. */
  constructor(
    run: RunName,
    pauses: readonly PendingPause[],
    advice = "pass approvePause: true to approve",
    options?: ErrorOptions,
  ) {
    const list = pauses.map(({ id, node, reason }) => `\n  ${id} (node "${node}"): ${reason}`);
    super(run, `Cannot resume ${label(run)}: it is paused; ${advice}:${list.join("")}`, options);
    this.pauses = pauses;
  }
}

/** Thrown by `resume` when a worker is at the run; nothing was changed. */
export class RunActiveError extends RunError {
  /** The name of the class. */
  override readonly name = "RunActiveError";
  /** After how many milliseconds its lease is over, if its worker is not heard of again. */
  readonly retryAfterMs: number;

  /** Takes the run, for how long nothing was heard of its worker, and how long its lease lasts. */
  constructor(run: RunName, idleMs: number, leaseMs: number, options?: ErrorOptions) {
    super(
      run,
      `Cannot resume ${label(run)}: a worker is at it, which was heard of ${
        seconds(Math.max(0, idleMs))
      } ago; wait for it, or for its lease of ${seconds(leaseMs)} to be over if it is dead, or ` +
        "pass takeOver: true to take the run from it",
      options,
    );
    this.retryAfterMs = Math.max(0, leaseMs - idleMs);
  }
}

/** Thrown by `resume` when it would approve what does not wait for an approval, or not any more. */
export class StalePauseError extends RunError {
  /** The name of the class. */
  override readonly name = "StalePauseError";

  /** Takes the run, where it stands, and the pause that was to be approved or rejected. */
  constructor(run: RunName, status: RunStatus, pauseId?: string, options?: ErrorOptions) {
    const what = pauseId === undefined ? "it is not paused" : `"${pauseId}" is no pending pause`;
    super(
      run,
      `Cannot answer a pause of ${label(run)}: ${what} (the run is ${status}); somebody else ` +
        "may have answered it; resume without approvePause to go on with a run that stopped",
      options,
    );
  }
}

/** Thrown by `resume` when it would approve a pause whose time is over. */
export class PauseExpiredError extends RunError {
  /** The name of the class. */
  override readonly name = "PauseExpiredError";
  /** The pause. */
  readonly pauseId: string;

  /** Takes the run, and the pause with its time. */
  constructor(run: RunName, pauseId: string, expiresAt: string, options?: ErrorOptions) {
    super(
      run,
      `Cannot approve pause "${pauseId}" of ${label(run)}: its time was over at ${expiresAt}; ` +
        "reject it, cancel the run, or fork it from an earlier checkpoint to have it asked again",
      options,
    );
    this.pauseId = pauseId;
  }
}

/** Thrown by `resume` when what comes next names a node that the pipeline no longer has. */
export class UnknownNodeError extends RunError {
  /** The name of the class. */
  override readonly name = "UnknownNodeError";
  /** The node that the stored run names. */
  readonly node: string;

  /** Takes the run, the node that it names, and those that the pipeline has. */
  constructor(run: RunName, node: string, nodes: Iterable<string>, options?: ErrorOptions) {
    super(
      run,
      `Cannot resume ${
        label(run)
      }: it goes on at node "${node}", which the pipeline does not have ` +
        `(its nodes are ${
          quoted(nodes)
        }); bring it back under this name, say in \`renamed\` what it ` +
        "is called now, or delete the run",
      options,
    );
    this.node = node;
  }
}

/** Thrown when a checkpoint could not be stored; the run stands where its last stored one says. */
export class CheckpointSaveError extends RunError {
  /** The name of the class. */
  override readonly name = "CheckpointSaveError";
  /** Sequence of the last checkpoint that was stored by this call, -1 if there is none. */
  readonly lastSequence: number;

  /** Takes the run, the sequences, and the store's own error as the cause. */
  constructor(run: RunName, sequence: number, lastSequence: number, options: ErrorOptions) {
    const advice = lastSequence < 0
      ? "start the run again, or resume it if it then exists"
      : `the last stored one is ${lastSequence}; resume the run from there`;
    super(
      run,
      `Cannot save checkpoint ${sequence} of ${label(run)}: ${
        reasonOf(options)
      }; when the cause is gone, ${advice}`,
      options,
    );
    this.lastSequence = lastSequence;
  }
}

/** Thrown when a run could not be loaded; nothing was run or changed. */
export class CheckpointLoadError extends RunError {
  /** The name of the class. */
  override readonly name = "CheckpointLoadError";

  /** Takes the run, what was to be done with it, and the store's own error as the cause. */
  constructor(run: RunName, verb: string, options: ErrorOptions) {
    super(
      run,
      `Cannot ${verb} ${label(run)}: its latest checkpoint could not be loaded: ${
        reasonOf(options)
      }; nothing was changed, try again when the cause is gone`,
      options,
    );
  }
}

/** The error of a run that took more steps than `recursionLimit` allows; part of its result. */
export class RecursionLimitError extends RunError {
  /** The name of the class. */
  override readonly name = "RecursionLimitError";

  /** Takes the run, the node that was to run next, and the limit. */
  constructor(run: RunName, node: string, limit: number, options?: ErrorOptions) {
    super(
      run,
      `Cannot run node "${node}" of ${label(run)}: the run has taken its ${limit} steps; ` +
        "mend the edge that never ends, or raise recursionLimit and resume",
      options,
    );
  }
}

/** The error of a task that took longer than its node's `timeoutMs`; part of the run's result. */
export class NodeTimeoutError extends RunError {
  /** The name of the class. */
  override readonly name = "NodeTimeoutError";

  /** Takes the run, the node and its limit in milliseconds. */
  constructor(run: RunName, node: string, timeoutMs: number, options?: ErrorOptions) {
    super(run, `Node "${node}" of ${label(run)} took longer than ${timeoutMs} ms`, options);
  }
}

/** The error of a run whose workers died again and again in the same step; part of its result. */
export class RecoveryLimitError extends RunError {
  /** The name of the class. */
  override readonly name = "RecoveryLimitError";

  /** Takes the run, the node that was to run, and how often the run was recovered. */
  constructor(run: RunName, node: string, recoveries: number, options?: ErrorOptions) {
    super(
      run,
      `Cannot recover ${label(run)}: ${recoveries} workers died in a row at node "${node}"; mend ` +
        "what kills them, or raise maxRecoveries, and resume",
      options,
    );
  }
}

/** How messages name a run. */
export function label({ pipelineName, runId }: RunName): string {
  return `run "${runId}" of pipeline "${pipelineName}"`;
}

/** How messages list names. */
export function quoted(names: Iterable<string>): string {
  return Array.from(names, (name) => `"${name}"`).join(", ") || "none";
}

function reasonOf({ cause }: ErrorOptions): string {
  return cause instanceof Error ? cause.message : String(cause);
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
