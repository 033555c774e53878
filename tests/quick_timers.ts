/** Time that passes at once: what a test waits for takes no longer than the work in between. */

/**
 * Does some work in which every timer fires as soon as it can.
 *
 * @returns The milliseconds that were asked for, in order.
 */
export async function withQuickTimers(work: () => Promise<void>): Promise<readonly number[]> {
  const asked: number[] = [];
  const { setTimeout } = globalThis;
  const quick = new Proxy(setTimeout, {
    apply(target, self, [callback, ms = 0, ...args]) {
      asked.push(ms);
      return Reflect.apply(target, self, [callback, 0, ...args]);
    },
  });
  globalThis.setTimeout = quick;
  try {
    await work();
  } finally {
    globalThis.setTimeout = setTimeout;
  }
  return asked;
}
