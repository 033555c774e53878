/**
 * One journey through the lives of its workers: each is killed at some moment, the last one ends it.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Checkpointer, Durability } from "../../mod.ts";
import type { Child } from "../processes/child.ts";
import type { Random } from "../random.ts";
import type { Order, Way } from "./order.ts";
import { assertKept, assertWhole, type Effects, readEffects } from "./promises.ts";

/** How long a worker that was killed is taken for alive, in milliseconds. */
const LEASE_MS = 40;

/** A worker that is killed has lived for less than so many milliseconds. */
const SHORT_LIFE_MS = 30;

/** Workers of one journey that are to be killed, at most. */
const MOST_KILLS = 12;

/** A journey to be disturbed. */
export interface Disturbed {
  /** Name of the pipeline: nobody else works on its runs. */
  readonly pipelineName: string;
  /** Id of the run. */
  readonly runId: string;
  /** The file where its effects are noted. */
  readonly effects: string;
  /** How far it may get ahead of its checkpoints. */
  readonly durability: Durability;
  /** The store, as the one who looks on has it. */
  readonly checkpointer: Checkpointer;
  /** When workers are killed, and how others go on. */
  readonly random: Random;
  /** Gives a worker that is ready. */
  hire(): Promise<Child>;
}

/**
 * Has a journey made, and kills its workers; asserts after every death that what was stored is kept,
 * and at the end that all is as if nobody had died.
 *
 * @returns How many were killed; some may be through before.
 */
export async function live(journey: Disturbed): Promise<number> {
  const { random, durability } = journey;
  const planned = 1 + random.below(MOST_KILLS);
  let effects: Effects = [];
  for (let kills = 0;; kills++) {
    const way = random.pick<Way>(["recover", "take over"]);
    const waitMs = way === "recover" && kills > 0 ? LEASE_MS : 0;
    const lifeMs = waitMs + random.below(SHORT_LIFE_MS);
    const stored = await latestOf(journey);
    const isKilled = await work(journey, way, kills < planned ? lifeMs : undefined);
    const before = effects;
    effects = await readEffects(journey);
    const latest = await latestOf(journey);
    assertKept({ stored, latest, before, effects, durability });
    if (isKilled) continue;
    await assertWhole(journey, effects);
    return kills;
  }
}

function latestOf({ checkpointer, pipelineName, runId }: Disturbed) {
  return checkpointer.loadLatest(pipelineName, runId);
}

/** Has one worker at the journey, for so long at the most; whether it was killed before it was through. */
async function work(
  { pipelineName, runId, effects, durability, hire }: Disturbed,
  way: Way,
  lifeMs: number | undefined,
): Promise<boolean> {
  const child = await hire();
  const order: Order = { pipelineName, runId, effects, durability, leaseMs: LEASE_MS, way };
  const timer = lifeMs === undefined ? undefined : setTimeout(child.kill, lifeMs);
  try {
    await child.tell(order);
  } catch {
    // It was killed before it heard.
  }
  const isThrough = await child.hear() === "done";
  const { complaint } = await child.ended;
  clearTimeout(timer);
  assertEquals(complaint, "");
  return !isThrough;
}
