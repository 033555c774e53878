/**
 * Journeys whose workers are killed, many of them.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import type { Durability } from "../../mod.ts";
import { type Address, openStore } from "../places/open.ts";
import type { MakePlace, Place } from "../places/place.ts";
import { startChild } from "../processes/child.ts";
import { makeSpares } from "../processes/spares.ts";
import { makeRandom } from "../random.ts";
import { live } from "./lives.ts";

const WORKER = new URL("./worker.ts", import.meta.url);

/** Journeys that are under way at a time. */
const LANES = 3;

/** The durabilities that journeys take turns at, where none is asked for. */
const TURNS: readonly Durability[] = ["sync", "async", "sync", "exit"];

/** What is to be done. */
export interface CrashPlan {
  /** Makes the store that keeps the runs. */
  readonly makePlace: MakePlace;
  /** The first journey's; the following ones have the numbers after it. */
  readonly seed: number;
  /** How far journeys may get ahead of their checkpoints; by default, they take turns. */
  readonly durability?: Durability;
  /** Whether another journey is to be made. */
  goesOn(figures: CrashFigures): boolean;
}

/** What was done. */
export interface CrashFigures {
  /** Journeys begun. */
  runs: number;
  /** Workers killed. */
  kills: number;
}

/** Thrown when a promise was broken: says how to see it again. */
export class CrashError extends Error {
  override readonly name = "CrashError";

  /** Takes what the journey was, and what it showed. */
  constructor({ backend }: Address, seed: number, durability: Durability, cause: unknown) {
    super(
      `Seed ${seed} fails, again perhaps with: deno task crash --runs 1 --backend ${backend} ` +
        `--seed ${seed} --durability ${durability}`,
      { cause },
    );
  }
}

/**
 * Makes journeys over a store of their own, some side by side, and kills their workers.
 *
 * @throws {CrashError} If a promise was broken.
 */
export async function crash(plan: CrashPlan): Promise<CrashFigures> {
  await using place = await plan.makePlace();
  const folder = await Deno.makeTempDir({ prefix: "firefly-effects-" });
  try {
    const figures = await crashIn(place, folder, plan);
    assertEquals(await place.strays(), []);
    await deleteAll(place);
    assertEquals(await place.contents(), [], "what is left of runs that were deleted");
    return figures;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function crashIn(place: Place, folder: string, plan: CrashPlan): Promise<CrashFigures> {
  const figures: CrashFigures = { runs: 0, kills: 0 };
  await using store = await openStore(place.address);
  await using spares = makeSpares(
    LANES,
    () => startChild(WORKER, [JSON.stringify(place.address)]),
  );
  const errors: CrashError[] = [];
  const travel = async (lane: number) => {
    while (errors.length === 0 && plan.goesOn(figures)) {
      const index = figures.runs++;
      const seed = plan.seed + index;
      const durability = plan.durability ?? TURNS[index % TURNS.length] ?? "sync";
      try {
        figures.kills += await live({
          pipelineName: pipelineOf(lane),
          runId: `run ${seed}`,
          effects: join(folder, String(seed)),
          durability,
          checkpointer: store.checkpointer,
          hire: spares.take,
          random: makeRandom(seed),
        });
      } catch (cause) {
        errors.push(new CrashError(place.address, seed, durability, cause));
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, (_, lane) => travel(lane)));
  if (errors.length > 0) throw errors[0];
  return figures;
}

async function deleteAll({ address }: Place): Promise<void> {
  await using store = await openStore(address);
  for (let lane = 0; lane < LANES; lane++) {
    const name = pipelineOf(lane);
    for await (const { runId } of store.checkpointer.listRuns(name)) {
      await store.checkpointer.deleteRun(name, runId);
    }
  }
}

function pipelineOf(lane: number): string {
  return `journey ${lane}`;
}
