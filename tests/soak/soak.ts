/**
 * Many runs of one process over a store that does not come to rest.
 *
 * @module
 */

import { setTimeout as delay } from "node:timers/promises";
import type { Checkpointer } from "../../mod.ts";
import { problemsOf } from "../history_checks.ts";
import { openStore } from "../places/open.ts";
import type { MakePlace, Place } from "../places/place.ts";
import { makeRandom } from "../random.ts";
import { inParallel } from "../suite/parallel.ts";
import { counted } from "./counted.ts";
import { heapInUse } from "./heap.ts";
import { makeRuns, SOAK, type Tally } from "./runs.ts";

/** So many bytes the heap may have grown at the end: caches are bounded, and fill slowly. */
export const MOST_GROWTH = 3_000_000;

/** What is to be done. */
export interface SoakPlan {
  /** Makes the store that keeps the runs. */
  readonly makePlace: MakePlace;
  /** Runs that are counted; as many as are under way at a time go before, to warm up. */
  readonly runs: number;
  /** Runs that are under way at a time. */
  readonly concurrency: number;
  /** Where the draws begin. */
  readonly seed: number;
  /** How long a step takes by itself, about, in milliseconds. */
  readonly paceMs: number;
  /** Time between two faults, in milliseconds. */
  readonly faultEveryMs: number;
}

/** What was done. */
export interface SoakFigures {
  /** Runs that came to their end. */
  readonly runs: number;
  /** Steps that were taken; more than the runs have where calls were interrupted. */
  readonly steps: number;
  /** Calls of the store. */
  readonly operations: number;
  /** Calls of the pipeline that rejected because the store failed. */
  readonly interrupted: number;
  /** How often each fault was injected. */
  readonly faults: ReadonlyMap<string, number>;
  /** Time that it took. */
  readonly seconds: number;
  /** Bytes of the heap in use before and after. */
  readonly heap: readonly [before: number, after: number];
  /** Runs that are not as if nothing had happened, and what is wrong with each. */
  readonly lost: readonly string[];
  /** What is left of connections, files and locks, and of runs that were deleted. */
  readonly left: readonly string[];
}

/** Takes runs to their end over a store that fails every now and then, and looks what is left. */
export async function soak(plan: SoakPlan): Promise<SoakFigures> {
  await using place = await plan.makePlace();
  const figures = await soakIn(place, plan);
  const strays = await place.strays();
  await deleteAll(place);
  return { ...figures, left: [...strays, ...await place.contents()] };
}

async function soakIn(place: Place, plan: SoakPlan): Promise<Omit<SoakFigures, "left">> {
  await using store = await openStore(place.address);
  const { checkpointer } = store;
  // What is made once, and kept, is made by these.
  await takeRuns(place, checkpointer, plan, { seed: plan.seed - 1, runs: plan.concurrency });
  await problemsIn(checkpointer, plan.concurrency);
  const before = await heapInUse();
  const started = performance.now();
  const counts = await takeRuns(place, checkpointer, plan, plan);
  const seconds = (performance.now() - started) / 1_000;
  const lost = [...counts.lost, ...await problemsIn(checkpointer, plan.concurrency + plan.runs)];
  const { completed: runs, ...rest } = counts;
  return { ...rest, runs, lost, seconds, heap: [before, await heapInUse()] };
}

/** What is counted while runs go on. */
interface Counts extends Tally {
  completed: number;
  operations: number;
  readonly faults: Map<string, number>;
  readonly lost: string[];
}

async function takeRuns(
  { faults }: Place,
  checkpointer: Checkpointer,
  { paceMs, faultEveryMs, concurrency }: SoakPlan,
  { seed, runs }: Pick<SoakPlan, "seed" | "runs">,
): Promise<Counts> {
  const counts: Counts = {
    completed: 0,
    steps: 0,
    operations: 0,
    interrupted: 0,
    faults: new Map(),
    lost: [],
  };
  const store = counted(checkpointer, () => counts.operations++);
  const complete = makeRuns(store, makeRandom(seed), paceMs, counts);
  let begun = 0;
  const work = async () => {
    while (begun < runs) {
      const runId = `run ${seed}.${begun++}`;
      try {
        await complete(runId);
        counts.completed++;
      } catch (error) {
        counts.lost.push(`${runId}: ${Deno.inspect(error)}`);
      }
    }
  };
  await using _ = disturb(faults, faultEveryMs, counts.faults);
  await Promise.all(Array.from({ length: concurrency }, work));
  return counts;
}

/** Injects one fault after the other until it is disposed of. */
function disturb(
  faults: Place["faults"],
  everyMs: number,
  counts: Map<string, number>,
): AsyncDisposable {
  const ending = new AbortController();
  const { signal } = ending;
  const disturbed = (async () => {
    for (let index = 0;; index++) {
      await delay(everyMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      const { name, inject } = faults[index % faults.length] ?? faults[0];
      await inject();
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      ending.abort();
      await disturbed;
    },
  };
}

/** What is wrong with what is stored of so many runs. */
async function problemsIn(checkpointer: Checkpointer, runs: number): Promise<readonly string[]> {
  const runIds = await runIdsIn(checkpointer);
  const problems = runIds.length === runs ? [] : [`${runIds.length} of ${runs} runs are stored`];
  await inParallel(runIds, async (runId) => {
    const records = (await Array.fromAsync(checkpointer.history(SOAK, runId))).reverse();
    problems.push(...problemsOf(records, { storesEveryStep: true }));
    if (records.at(-1)?.status !== "completed") problems.push(`${runId} is not completed`);
  });
  return problems;
}

async function runIdsIn(checkpointer: Checkpointer): Promise<readonly string[]> {
  return (await Array.fromAsync(checkpointer.listRuns(SOAK))).map(({ runId }) => runId);
}

async function deleteAll({ address }: Place): Promise<void> {
  await using store = await openStore(address);
  const { checkpointer } = store;
  await inParallel(await runIdsIn(checkpointer), (runId) => checkpointer.deleteRun(SOAK, runId));
}
