/**
 * Giving way to the event loop: a run whose nodes and store answer at once would keep it from
 * timers, sockets and the signals that those abort.
 *
 * @module
 */

import { turnOfEventLoop } from "./turn.ts";

/** The longest that a run goes on before others get their turn, in milliseconds. */
const STRETCH_MS = 10;

/** The clock costs as much as a fifth of a step: so many quick ones may go by between two looks. */
const MOST_UNSEEN = 16;

/** What counts as quick, in milliseconds from one look to the next. */
const QUICK_MS = 1;

/** When one run gave way last, and when it is to do so again. */
export interface Pace {
  /** Whether the run has gone on for long enough. */
  isDue(): boolean;
  /** Resolves when the event loop has been around once. */
  giveWay(): Promise<void>;
}

/** Starts a run's first stretch. */
export function makePace(): Pace {
  let since = performance.now();
  let looked = since;
  let unseen = 0;
  let left = 0;
  return {
    isDue() {
      if (left-- > 0) return false;
      const now = performance.now();
      unseen = now - looked < QUICK_MS ? Math.min(2 * unseen + 1, MOST_UNSEEN) : 0;
      left = unseen;
      looked = now;
      return now - since >= STRETCH_MS;
    },
    async giveWay() {
      await turnOfEventLoop();
      since = performance.now();
    },
  };
}
