/**
 * Runs that grow: what a store keeps of them must follow what changes.
 *
 * @module
 */

import { append, type Checkpointer, definePipeline, END, send, unchecked } from "../mod.ts";

/** Steps of {@linkcode growingRun}. */
export const GROWING_STEPS = 1_000;

/** Steps of {@linkcode heavyRun}. */
export const HEAVY_STEPS = 100;

/** A cycle that adds some 50 characters to a list in every step. */
export async function growingRun(checkpointer: Checkpointer, runId: string): Promise<void> {
  const pipeline = definePipeline({
    name: "growing",
    state: unchecked<{ log: string[] }>(),
    reducers: { log: append },
    nodes: { add: (state) => ({ log: text(50, state.log.length) }) },
    start: "add",
    edges: { add: (state) => state.log.length < GROWING_STEPS ? "add" : END },
  }, { checkpointer, recursionLimit: Infinity });
  const { state } = await pipeline.invoke({ log: [] }, { runId });
  if (state.log.length !== GROWING_STEPS) throw new Error(`The run took ${state.log.length} steps`);
}

/** A cycle that counts, beside a field of a million characters that never changes. */
export async function heavyRun(checkpointer: Checkpointer, runId: string): Promise<void> {
  const pipeline = definePipeline({
    name: "heavy",
    state: unchecked<{ document: string; count: number }>(),
    nodes: { count: ({ count }) => ({ count: count + 1 }) },
    start: "count",
    edges: { count: ({ count }) => count < HEAVY_STEPS ? "count" : END },
  }, { checkpointer, recursionLimit: Infinity });
  const { state } = await pipeline.invoke({ document: text(1_000_000, 1), count: 0 }, { runId });
  if (state.count !== HEAVY_STEPS) throw new Error(`The run took ${state.count} steps`);
}

/** Widths of {@linkcode wideRun}, and what a store may keep of each. */
export const WIDE_RUNS = [100, 1_000].map((width) => ({
  width,
  mostBytes: 1_150_000 + 350 * width,
}));

/**
 * A fan-out beside a field of a million characters that never changes, whose tasks end one by one,
 * each with a save of its own.
 */
export async function wideRun(
  checkpointer: Checkpointer,
  runId: string,
  width: number,
): Promise<void> {
  let saved = Promise.withResolvers<void>();
  let saves = 0;
  const pipeline = definePipeline({
    name: "wide",
    state: unchecked<{ document: string; item: number; log: string[] }>(),
    reducers: { log: append },
    nodes: {
      split: () => {},
      read: async ({ item }) => {
        // One at a time: what is being saved is the end of the one before.
        if (item > 0) await saved.promise;
        saved = Promise.withResolvers();
        return { log: text(20, item) };
      },
    },
    start: "split",
    edges: { split: Array.from({ length: width }, (_, item) => send("read", { item })), read: END },
  }, {
    checkpointer,
    concurrency: 1,
    onEvent({ type }) {
      if (type !== "checkpointSaved") return;
      saves++;
      saved.resolve();
    },
  });
  const { state } = await pipeline.invoke({ document: text(1_000_000, 1), log: [] }, { runId });
  if (state.log.length !== width) throw new Error(`The run has ${state.log.length} answers`);
  if (saves < width) throw new Error(`${width} tasks shared ${saves} saves`);
}

/** Text that no store can make much smaller, the same for the same seed. */
export function text(length: number, seed: number): string {
  let state = seed + 1;
  return Array.from({ length }, () => {
    // A linear congruential generator with the constants of Numerical Recipes.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return String.fromCharCode(0x30 + (state >>> 24) % 64).replace("\\", "~");
  }).join("");
}
