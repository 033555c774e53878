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
  const running = new Set<Promise<unknown>>();
  return {
    add(promise) {
      const settled = promise.then(() => {}, () => {}).finally(() => running.delete(settled));
      running.add(settled);
      return promise;
    },
    async ended() {
      while (running.size > 0) await Promise.all(running);
    },
  };
}
