/**
 * Measuring against a limit: each benchmark prints what it found, and fails above its limit. What is
 * compared is run in turns, round by round, so that both meet the same disturbances.
 *
 * @module
 */

import { keepAwake } from "./awake.ts";

/**
 * A workload; it does `units` units of work. Where not all of its time counts, it comes back with
 * the milliseconds that do.
 */
export type Work = () => Promise<void | number>;

/** Holds a workload against a time. */
export interface TimeLimit {
  /** What is measured. */
  readonly name: string;
  /** What a unit of work is. */
  readonly unit: string;
  /** Units that one call does. */
  readonly units: number;
  /** At most so many microseconds a unit. */
  readonly mostMicroseconds: number;
  /** The workload. */
  readonly work: Work;
  /** How often it is measured. Default 30. */
  readonly rounds?: number;
  /**
   * At least so many units are done before any is measured, unless that takes longer than 10 s. By
   * default as many as fit into 300 ms: few, where each waits for a store.
   */
  readonly warmUpUnits?: number;
  /** Makes ready for one call, outside the time that is taken. */
  readonly setUp?: Work;
  /** Clears up after one call, outside the time that is taken. */
  readonly tearDown?: Work;
}

/** Holds a workload against a rate. */
export interface RateLimit extends Omit<TimeLimit, "mostMicroseconds"> {
  /** At least so many units a second. */
  readonly least: number;
}

/** Holds a workload against the least that it could cost. */
export interface RatioLimit extends Omit<TimeLimit, "mostMicroseconds"> {
  /** The least that such work could cost, as many units of it. */
  readonly floor: Work;
  /** At most so many times what the floor takes. */
  readonly mostTimes: number;
  /**
   * Whether the processors are kept awake, for what waits for another process. Not where it waits for
   * a disk: what keeps them awake then puts off the disk's answer, by milliseconds. Default `false`.
   */
  readonly awake?: boolean;
}

/** Registers a benchmark with a limit in microseconds. */
export function benchTime({ mostMicroseconds, ...limit }: TimeLimit): void {
  const { name, unit, work } = limit;
  Deno.bench(name, ONCE, async () => {
    const [times = []] = await inTurns([work], limit);
    const found = median(times);
    judge(`${show(times)} a ${unit}, at most ${mostMicroseconds} us`, found <= mostMicroseconds);
  });
}

/** Registers a benchmark with a limit in units a second. */
export function benchRate({ least, ...limit }: RateLimit): void {
  const { name, unit, work } = limit;
  Deno.bench(name, ONCE, async () => {
    const [times = []] = await inTurns([work], limit);
    const rate = 1_000_000 / median(times);
    const said = `${Math.round(rate).toLocaleString("en")} ${unit}s a second, at least ` +
      `${least.toLocaleString("en")} (${show(times)} a ${unit})`;
    judge(said, rate >= least);
  });
}

/**
 * Registers a benchmark with a limit in times its floor. Where it has a warm-up of its own, it also
 * tells what was found before that, which has no limit.
 */
export function benchRatio(
  { floor, mostTimes, awake = false, warmUpUnits, ...limit }: RatioLimit,
): void {
  const { name, unit, work } = limit;
  const compare = async (warmUpUnits?: number) => {
    const [floors = [], times = []] = await inTurns([floor, work], { ...limit, warmUpUnits });
    // Round by round: what disturbs the machine for a while then disturbs both.
    const ratio = median(times.map((time, round) => time / (floors[round] ?? NaN)));
    return { floors, times, ratio };
  };
  let isWarm = warmUpUnits === undefined;
  let atFirst = "";
  Deno.bench(name, ONCE, async () => {
    using _awake = awake ? keepAwake() : undefined;
    if (!isWarm) atFirst = `; ${(await compare()).ratio.toFixed(2)} x before the warm-up`;
    const { floors, times, ratio } = await compare(isWarm ? undefined : warmUpUnits);
    isWarm = true;
    const said = `${ratio.toFixed(2)} x the floor, at most ${mostTimes} x ` +
      `(${show(times)} a ${unit}, the floor ${show(floors)}${atFirst})`;
    judge(said, ratio <= mostTimes);
  });
}

/** The rounds are counted here. */
const ONCE = { n: 1, warmup: 0 };

/**
 * Until a process has taken about so many steps, V8 goes on optimizing what they consist of, as its
 * `--trace-opt` tells: before that, a step's own work takes up to twice as long.
 */
export const OPTIMIZED_AFTER = 60_000;

/** So long each workload runs before it is measured, in milliseconds. */
const WARM_UP_MS = { least: 300, most: 10_000 };

/** Microseconds a unit of each workload, round by round. */
async function inTurns(
  works: readonly Work[],
  { units, rounds = 30, warmUpUnits = 0, setUp, tearDown }: Omit<TimeLimit, "mostMicroseconds">,
): Promise<readonly (readonly number[])[]> {
  const timed = async (work: Work) => {
    await setUp?.();
    const started = performance.now();
    const took = await work() ?? performance.now() - started;
    await tearDown?.();
    return took;
  };
  for (const work of works) {
    let [spent, done] = [0, 0];
    while (spent < WARM_UP_MS.least || (done < warmUpUnits && spent < WARM_UP_MS.most)) {
      spent += await timed(work);
      done += units;
    }
  }
  const times = works.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, work] of works.entries()) {
      times[index]?.push(await timed(work) / units * 1000);
    }
  }
  return times;
}

function judge(said: string, isKept: boolean): void {
  // The runner puts the benchmark's name before it.
  console.log(`${isKept ? "ok  " : "OVER"}  ${said}`);
  if (!isKept) throw new Error(`Over its limit: ${said}`);
}

function show(times: readonly number[]): string {
  const sorted = times.toSorted((one, other) => one - other);
  const [low, high] = [sorted.at(times.length * 0.1), sorted.at(times.length * 0.9)];
  return `${digits(median(times))} us (${digits(low)} to ${digits(high)})`;
}

function digits(time = NaN): string {
  return time < 10 ? time.toFixed(2) : time.toFixed(0);
}

function median(times: readonly number[]): number {
  return times.toSorted((one, other) => one - other)[Math.floor(times.length / 2)] ?? NaN;
}
