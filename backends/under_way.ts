/**
 * Waiting for what is under way before something is closed.
 *
 * @module
 */

/** What is under way at a time. */
export interface UnderWay {
  /** Has {@linkcode UnderWay.ended} wait for some work, and comes back with what came of it. */
  during<T>(work: () => Promise<T>): Promise<T>;
  /** How much is under way. */
  count(): number;
  /** Comes back when all has ended, one way or the other. */
  ended(): Promise<void>;
}

/** Keeps account of what is under way. */
export function makeUnderWay(): UnderWay {
  let running = 0;
  let waiting: (() => void)[] = [];
  const end = () => {
    running--;
    if (running > 0) return;
    for (const resolve of waiting) resolve();
    waiting = [];
  };
  return {
    during(work) {
      running++;
      try {
        const done = work();
        done.then(end, end);
        return done;
      } catch (error) {
        end();
        return Promise.reject(error);
      }
    },
    count: () => running,
    async ended() {
      while (running > 0) await new Promise<void>((resolve) => waiting.push(resolve));
    },
  };
}
