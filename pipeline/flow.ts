/**
 * Holding a run back for a reader of its events that is slower than the run.
 *
 * @module
 */

import type { Pace } from "./pace.ts";

/** A reader, as a run sees it. */
export interface Flow {
  /** Whether the reader has as much to read as it is to have. */
  isFull(): boolean;
  /** Resolves when the reader is no longer full, or has left. */
  room(): Promise<void>;
}

/**
 * The pace of a run that waits for its reader wherever it may give way: before a step, and before
 * another task of a fan-out begins. It waits no longer once its signal aborts.
 */
export function heldBack(pace: Pace, flow: Flow, signal: AbortSignal): Pace {
  return {
    isDue: () => flow.isFull() || pace.isDue(),
    async giveWay() {
      await roomOrEnd(flow, signal);
      if (pace.isDue()) await pace.giveWay();
    },
  };
}

/** A reader that holds nobody back once a signal aborts. */
export function untilEnd(flow: Flow, signal: AbortSignal): Flow {
  return {
    isFull: () => !signal.aborted && flow.isFull(),
    room: () => roomOrEnd(flow, signal),
  };
}

/** Resolves when a reader has room, or there is no use in waiting for it any more. */
export async function roomOrEnd(flow: Flow, signal: AbortSignal): Promise<void> {
  if (signal.aborted || !flow.isFull()) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = () => resolve();
  signal.addEventListener("abort", end, { once: true });
  await Promise.race([flow.room(), promise]);
  signal.removeEventListener("abort", end);
}
