/**
 * Trying again while a server restarts or a connection is lost, and telling a lost one by its
 * silence.
 *
 * @module
 */

const FIRST_DELAY_MS = 10;
const LONGEST_DELAY_MS = 1_000;

/** When something that failed is tried again. */
export interface Retrying {
  /** When no further try begins, as `performance.now()` tells it. */
  readonly deadline: number;
  /** Whether the same work may well succeed after an error. */
  readonly isPassing: (error: unknown) => boolean;
}

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
  try {
    return await work();
  } catch (error) {
    return await tryAgain(error, { deadline, isPassing }, work);
  }
}

/**
 * Does some work whose first try failed, as {@linkcode retrying} does it.
 *
 * @throws What the last try threw.
 */
export async function tryAgain<T>(
  error: unknown,
  { deadline, isPassing }: Retrying,
  work: () => Promise<T>,
): Promise<T> {
  let failure = error;
  for (let delayMs = FIRST_DELAY_MS;; delayMs = Math.min(delayMs * 2, LONGEST_DELAY_MS)) {
    const pauseMs = delayMs * (0.5 + Math.random() / 2);
    if (!isPassing(failure) || performance.now() + pauseMs > deadline) throw failure;
    await new Promise<void>((resolve) => setTimeout(resolve, pauseMs));
    try {
      return await work();
    } catch (error) {
      failure = error;
    }
  }
}

/**
 * Waits for an answer, but not for ever: a server that is gone without a word, and some drivers
 * whose connections are ended, never give one. Where there is none in time, it throws
 * `Deno.errors.TimedOut`; what was asked may have had its effect.
 */
export type Watch = <T>(answer: Promise<T>) => Promise<T>;

interface Awaited {
  readonly deadline: number;
  fail(error: unknown): void;
}

/**
 * So often the next call may be put off by a promise before the timer is given up. One that follows
 * at once can have it: setting a timer costs as much as a third of a round trip on one machine.
 */
const TURNS = 64;

/** Makes a watch: one timer for all answers that are awaited at a time. */
export function makeWatch(timeoutMs: number): Watch {
  // In the order of their deadlines.
  const awaited = new Set<Awaited>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isResting = false;

  const failLate = () => {
    timer = undefined;
    for (const one of awaited) {
      const left = one.deadline - performance.now();
      if (left > 0) {
        timer = setTimeout(failLate, left);
        return;
      }
      awaited.delete(one);
      one.fail(new Deno.errors.TimedOut(`no answer in ${timeoutMs} ms`));
    }
  };
  const rest = async () => {
    if (isResting) return;
    isResting = true;
    for (let turn = 0; turn < TURNS && awaited.size === 0; turn++) await undefined;
    isResting = false;
    if (awaited.size > 0) return;
    clearTimeout(timer);
    timer = undefined;
  };

  const settle = (one: Awaited) => {
    awaited.delete(one);
    if (awaited.size === 0) rest();
  };

  return (answer) =>
    new Promise((resolve, reject) => {
      const one: Awaited = { deadline: performance.now() + timeoutMs, fail: reject };
      awaited.add(one);
      timer ??= setTimeout(failLate, timeoutMs);
      answer.then((value) => {
        settle(one);
        resolve(value);
      }, (error) => {
        settle(one);
        reject(error);
      });
    });
}
