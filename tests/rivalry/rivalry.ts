/**
 * Processes that fight over the same runs.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { openStore } from "../places/open.ts";
import type { MakePlace, Place } from "../places/place.ts";
import { type Child, startChild } from "../processes/child.ts";
import { assertEnds, problemsOfRun } from "./checker.ts";
import { type Order, type Report, RIVALRY, type Saved } from "./order.ts";

const RIVAL = new URL("./rival.ts", import.meta.url);

/** How many fight. */
export const RIVALS = 8;

/** How many runs they fight over. */
export const RUNS = 50;

/** What is to be done. */
export interface RivalryPlan {
  /** Makes the store that keeps the runs. */
  readonly makePlace: MakePlace;
  /** Where the draws begin. */
  readonly seed: number;
  /** None begins an operation after so many of its own. */
  readonly operations?: number;
  /** None begins an operation after so many seconds. */
  readonly seconds?: number;
}

/** What was done. */
export interface RivalryFigures {
  /** Operations of all rivals. */
  readonly operations: number;
  /** How often each operation had each outcome. */
  readonly outcomes: ReadonlyMap<string, number>;
  /** Checkpoints whose saves came back. */
  readonly saves: number;
}

/** Lets processes fight over runs, then reads what they left and asserts that it is sound. */
export async function rivalry(plan: RivalryPlan): Promise<RivalryFigures> {
  await using place = await plan.makePlace();
  const folder = await Deno.makeTempDir({ prefix: "firefly-rivalry-" });
  try {
    const { reports, saves } = await fight(place, folder, plan);
    assertEquals(reports.flatMap(({ surprises }) => surprises), []);
    await assertSound(place, saves);
    assertEquals(await place.strays(), []);
    await deleteAll(place);
    assertEquals(await place.contents(), [], "what is left of runs that were deleted");
    const outcomes = new Map<string, number>();
    for (const [outcome, count] of reports.flatMap((report) => Object.entries(report.outcomes))) {
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + count);
    }
    const operations = [...outcomes.values()].reduce((sum, count) => sum + count, 0);
    return { operations, outcomes, saves: saves.length };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function fight(
  { address }: Place,
  folder: string,
  { seed, operations = Number.MAX_SAFE_INTEGER, seconds = 3_600 }: RivalryPlan,
) {
  const runIds = Array.from({ length: RUNS }, (_, index) => runIdOf(index));
  const [first = "", ...others] = runIds;
  const orders = Array.from({ length: RIVALS }, (_, rival): Order => ({
    seed: seed * RIVALS + rival,
    runIds: [first, ...others],
    operations,
    forMs: seconds * 1_000,
    savesFile: join(folder, `${rival}.json`),
  }));
  await using rivals = new AsyncDisposableStack();
  const children = orders.map(() => rivals.use(startChild(RIVAL, [JSON.stringify(address)])));
  // They begin together.
  for (const child of children) assertEquals(await hear(child), "ready");
  const reports = await Promise.all(orders.map(async (order, index): Promise<Report> => {
    const child = children[index];
    await child?.tell(order);
    return JSON.parse(child === undefined ? "" : await hear(child));
  }));
  const saves = await Promise.all(
    orders.map(async ({ savesFile }): Promise<readonly Saved[]> =>
      JSON.parse(await Deno.readTextFile(savesFile))
    ),
  );
  return { reports, saves: saves.flat() };
}

async function hear(child: Child): Promise<string> {
  const line = await child.hear();
  if (line !== undefined) return line;
  throw new Error(`A rival ended: ${(await child.ended).complaint}`);
}

async function assertSound({ address }: Place, saves: readonly Saved[]): Promise<void> {
  await using store = await openStore(address);
  const { checkpointer } = store;
  const savesOf = Map.groupBy(saves, ({ runId }) => runId);
  const problems: string[] = [];
  const runIds: string[] = [];
  for await (const { runId } of checkpointer.listRuns(RIVALRY)) runIds.push(runId);
  for (const runId of runIds) {
    const history = await Array.fromAsync(checkpointer.history(RIVALRY, runId));
    problems.push(...problemsOfRun(history, savesOf.get(runId) ?? []));
  }
  assertEquals(problems, []);
  for (const runId of runIds) await assertEnds(checkpointer, runId);
}

async function deleteAll({ address }: Place): Promise<void> {
  await using store = await openStore(address);
  for (let index = 0; index < RUNS; index++) {
    await store.checkpointer.deleteRun(RIVALRY, runIdOf(index));
  }
}

function runIdOf(index: number): string {
  return `run ${index}`;
}
