/**
 * Giving way to the event loop: a run whose nodes and store answer at once would keep it from
 * timers, sockets and the signals that those abort.
 *
 * @module
 */

/** The longest that a run goes on before others get their turn, in milliseconds. */
const STRETCH_MS = 10;

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
  let turn: Promise<void> | undefined;
  return {
    isDue: () => performance.now() - since >= STRETCH_MS,
    // The tasks of a fan-out share one turn.
    giveWay: () =>
      turn ??= turnOfEventLoop().then(() => {
        since = performance.now();
        turn = undefined;
      }),
  };
}

/** Takes a message's way: a timer waits for a millisecond or more, and a microtask for nothing. */
function turnOfEventLoop(): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  const { promise, resolve } = Promise.withResolvers<void>();
  port1.onmessage = () => {
    port1.close();
    port2.close();
    resolve();
  };
  port2.postMessage(undefined);
  return promise;
}
