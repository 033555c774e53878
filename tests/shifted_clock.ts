/**
 * Clocks that are wrong.
 *
 * @module
 */

/** An hour, in milliseconds. */
export const HOUR_MS = 3_600_000;

/** Does something while this process's clock can be set; then it is right again. */
export async function withClock<T>(
  work: (setBy: (ms: number) => void) => Promise<T>,
): Promise<T> {
  const real = Date;
  let shift = 0;
  const now = () => real.now() + shift;
  globalThis.Date = new Proxy(real, {
    construct: (target, words, self) =>
      Reflect.construct(target, words.length > 0 ? words : [now()], self),
    get: (target, key) => key === "now" ? now : Reflect.get(target, key),
  });
  try {
    return await work((ms) => {
      shift = ms;
    });
  } finally {
    globalThis.Date = real;
  }
}
