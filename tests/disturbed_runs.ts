/**
 * Runs that go on while the store is disturbed.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { type Checkpointer, definePipeline, END, unchecked } from "../mod.ts";
import { sequences } from "./suite/checks.ts";

/** The state of a run that counts. */
export interface Count {
  /** Steps that were done. */
  readonly count: number;
}

/** What a test does while a run goes on. */
export interface Hooks {
  /** Is called within every step. */
  readonly run?: (state: Count) => Promise<void>;
  /** Is called after every save. */
  readonly onSaved?: () => void;
}

/** A pipeline of some steps, and which tasks it ran. */
export function counting(checkpointer: Checkpointer, steps: number, { run, onSaved }: Hooks = {}) {
  const ran: string[] = [];
  const pipeline = definePipeline({
    name: "counting",
    state: unchecked<Count>(),
    nodes: {
      add: async (state, { taskId }) => {
        ran.push(taskId);
        await run?.(state);
        return { count: state.count + 1 };
      },
    },
    start: "add",
    edges: { add: ({ count }) => count < steps ? "add" : END },
  }, {
    checkpointer,
    recursionLimit: steps + 1,
    onEvent: ({ type }) => type === "checkpointSaved" && onSaved?.(),
  });
  return { pipeline, ran };
}

/** Runs pipelines side by side; asserts that they end as if nothing had happened. */
export async function assertUndisturbed(
  checkpointer: Checkpointer,
  runs: number,
  steps: number,
  onSaved: () => void,
): Promise<void> {
  const { pipeline, ran } = counting(checkpointer, steps, { onSaved });
  const runIds = Array.from({ length: runs }, (_, index) => `run ${index}`);
  const results = await Promise.all(
    runIds.map((runId) => pipeline.invoke({ count: 0 }, { runId })),
  );
  assertEquals(
    results.map(({ status, state }) => [status, state.count]),
    results.map(() => ["completed", steps]),
  );
  // What is tried again is the save, not the node.
  assertEquals(ran.length, runs * steps);
  assertEquals(new Set(ran).size, ran.length);
  for (const runId of runIds) {
    const stored = sequences(await Array.fromAsync(checkpointer.history("counting", runId)));
    assertEquals(stored.toReversed(), Array.from(stored, (_, index) => index), runId);
  }
}

/** Disturbs a test whenever it has counted to one of the numbers. */
export function disturbAt(numbers: readonly number[], disturb: (index: number) => Promise<void>) {
  const due = numbers.map((number) => ({ number, ...Promise.withResolvers<void>() }));
  const disturbed = (async () => {
    for (const [index, { promise }] of due.entries()) {
      await promise;
      await disturb(index);
    }
  })();
  let count = 0;
  return {
    count() {
      count++;
      for (const { number, resolve } of due) if (count === number) resolve();
    },
    /** Disturbs what is left, so that a failed test leaves the server as the next one wants it. */
    async [Symbol.asyncDispose]() {
      for (const { resolve } of due) resolve();
      await disturbed;
    },
  };
}
