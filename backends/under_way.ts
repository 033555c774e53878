/**
 * Waiting for what is under way before something is closed.
 *
 * @module
 */

/** What is under way at a time. */
export interface UnderWay {
  /** Has {@linkcode UnderWay.ended} wait for a promise, and comes back with it. */
  add<T>(promise: Promise<T>): Promise<T>;
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
    add(promise) {
      running++;
      promise.then(end, end);
      return promise;
    },
    async ended() {
      while (running > 0) await new Promise<void>((resolve) => waiting.push(resolve));
    },
  };
}
