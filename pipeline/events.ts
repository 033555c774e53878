/**
 * What happens in a run, told while it happens.
 *
 * @module
 */

import type { RunStatus } from "./checkpoint_record.ts";
import type { AroundNode } from "./definition.ts";
import type { RunResult } from "./result.ts";

/** The task that an event is about. */
export interface TaskEvent {
  /** Id of the run. */
  readonly runId: string;
  /** Name of the node. */
  readonly node: string;
  /** Which visit of the node it is. */
  readonly visit: number;
  /** Which attempt it is: the one that begins, or the one that ended. */
  readonly attempt: number;
}

/** One event of a run. Times are in milliseconds. */
export type RunEvent<State = unknown> =
  | {
    readonly type: "runStarted";
    readonly runId: string;
    /** Whether the run goes on from a checkpoint. */
    readonly resumed: boolean;
  }
  | ({ readonly type: "taskStarted" } & TaskEvent)
  | ({ readonly type: "taskFinished"; readonly durationMs: number } & TaskEvent)
  | (
    & { readonly type: "taskPaused"; readonly durationMs: number; readonly reason: string }
    & TaskEvent
  )
  | (
    & { readonly type: "taskFailed"; readonly durationMs: number; readonly error: unknown }
    & TaskEvent
  )
  | ({
    /** The attempt failed and another one follows. */
    readonly type: "taskRetried";
    /** What the attempt threw. */
    readonly error: unknown;
    /** Time until the next attempt begins. */
    readonly delayMs: number;
  } & TaskEvent)
  | ({
    /** A node told something by its context's `emit`. */
    readonly type: "custom";
    /** What it told. */
    readonly value: unknown;
  } & TaskEvent)
  | {
    readonly type: "checkpointSaved";
    readonly runId: string;
    readonly sequence: number;
    readonly nodeId: string;
    readonly status: RunStatus;
    readonly durationMs: number;
  }
  | { readonly type: "runEnded"; readonly runId: string; readonly result: RunResult<State> }
  | {
    /** The call threw, in the place of `runEnded`: the run stands at its last stored checkpoint. */
    readonly type: "runInterrupted";
    readonly runId: string;
    /** What the call threw. */
    readonly error: unknown;
  };

/**
 * Is told every event. What it throws, or its promise rejects with, goes to the console and never
 * breaks the run; its promise is not waited for.
 */
export type EventHandler<State> = (event: RunEvent<State>) => unknown;

/** Watches one call of a pipeline, or the runs of one `recover`. */
export interface RunObserver<State> {
  /** Is told what `onEvent` of the pipeline is told. */
  readonly onEvent?: EventHandler<State>;
  /** Is put around every attempt of every node. */
  readonly aroundNode?: AroundNode;
}

/** One handler that tells all of the given ones, if there are any. */
export function tellAll<State>(
  handlers: readonly (EventHandler<State> | undefined)[],
): EventHandler<State> | undefined {
  const told = handlers.filter((handler) => handler !== undefined);
  if (told.length < 2) return told[0];
  return (event) => {
    for (const handler of told) emit(handler, event);
  };
}

/** Tells a handler, whatever it does. */
export function emit<State>(
  handler: EventHandler<State> | undefined,
  event: RunEvent<State>,
): void {
  if (handler === undefined) return;
  const report = (error: unknown) =>
    console.error(`An event handler failed on "${event.type}"`, error);
  try {
    const told = handler(event);
    if (told instanceof Promise) told.catch(report);
  } catch (error) {
    report(error);
  }
}
