/**
 * The runs of a soak: each is brought to its end, however often its call is interrupted.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { setTimeout as delay } from "node:timers/promises";
import {
  append,
  CheckpointConflictError,
  type Checkpointer,
  CheckpointSaveError,
  definePipeline,
  END,
  RunExistsError,
  unchecked,
} from "../../mod.ts";
import { text } from "../growth.ts";
import type { Random } from "../random.ts";

/** Steps of a run. */
export const STEPS = 20;

/** Characters that a run carries along: of a run that is never forgotten, the heap tells. */
const LUGGAGE = 20_000;

/** Name of the pipeline. */
export const SOAK = "soak";

/** How long a call that was interrupted waits before the next one, in milliseconds. */
const AGAIN_MS = 20;

/** The log of a run that came to its end. */
export const WHOLE_LOG: readonly string[] = Array.from({ length: STEPS }, (_, i) => `${i + 1}`);

/** What is counted while runs go on. */
export interface Tally {
  /** Steps that were taken, again where they were interrupted. */
  steps: number;
  /** Calls that rejected because the store failed. */
  interrupted: number;
}

/** Takes a run to its end, however often its call is interrupted, and asserts that this is right. */
export type Complete = (runId: string) => Promise<void>;

/** Runs over a store, each of whose steps takes about so long. */
export function makeRuns(
  checkpointer: Checkpointer,
  random: Random,
  paceMs: number,
  tally: Tally,
): Complete {
  /** Visits that had their effect, of the runs under way. */
  const effects = new Map<string, Set<string>>();
  const pipeline = definePipeline({
    name: SOAK,
    state: unchecked<{ readonly luggage: string; readonly log: readonly string[] }>(),
    reducers: { log: append },
    nodes: {
      step: async (_, { runId, visit }) => {
        tally.steps++;
        await delay(random.below(2 * paceMs + 1));
        effects.get(runId)?.add(`${visit}`);
        return { log: `${visit}` };
      },
    },
    start: "step",
    edges: { step: ({ log }) => log.length < STEPS ? "step" : END },
  }, { checkpointer });

  const call = async (runId: string, luggage: string) => {
    try {
      return await pipeline.invoke({ luggage, log: [] }, { runId });
    } catch (error) {
      if (!(error instanceof RunExistsError)) throw error;
      return await pipeline.resume(runId, { takeOver: true });
    }
  };
  const goOn = async (error: unknown) => {
    // What was given up may arrive later, and then it is the next call that is too late.
    const isDue = error instanceof CheckpointSaveError || error instanceof CheckpointConflictError;
    if (!isDue) throw error;
    tally.interrupted++;
    await delay(AGAIN_MS);
  };
  return async (runId) => {
    const luggage = text(LUGGAGE, random.below(1_000_000));
    const done = new Set<string>();
    effects.set(runId, done);
    let result;
    while (result === undefined) result = await call(runId, luggage).catch(goOn) || undefined;
    effects.delete(runId);
    assertEquals(result.status, "completed");
    assertEquals(result.state, { luggage, log: WHOLE_LOG });
    assertEquals([...done], WHOLE_LOG, "effects");
  };
}
