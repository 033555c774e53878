/**
 * Trying again while a server restarts or a connection is lost, and telling a lost one by its
 * silence.
 *
 * @module
 */

const FIRST_DELAY_MS = 10;
const LONGEST_DELAY_MS = 1_000;

/**
 * Does some work, and again after failures that pass, with growing random delays.
 *
 * @param forMs No try begins later than so many milliseconds after the first.
 * @param isPassing Whether the same work may well succeed after an error.
 * @throws What the last try threw.
 */
export async function retrying<T>(
  forMs: number,
  isPassing: (error: unknown) => boolean,
  work: () => Promise<T>,
): Promise<T> {
  const deadline = performance.now() + forMs;
  for (let delayMs = FIRST_DELAY_MS;; delayMs = Math.min(delayMs * 2, LONGEST_DELAY_MS)) {
    try {
      return await work();
    } catch (error) {
      const pauseMs = delayMs * (0.5 + Math.random() / 2);
      if (!isPassing(error) || performance.now() + pauseMs > deadline) throw error;
      await new Promise<void>((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}

/**
 * Waits for an answer, but not for ever: a server that is gone without a word, and some drivers
 * whose connections are ended, never give one.
 *
 * @throws {Deno.errors.TimedOut} If there is none in time; what was asked may have had its effect.
 */
export async function answered<T>(answer: Promise<T>, timeoutMs: number): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Deno.errors.TimedOut(`no answer in ${timeoutMs} ms`)),
    timeoutMs,
  );
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
