import { assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import {
  append,
  CheckpointConflictError,
  type Checkpointer,
  CheckpointSaveError,
  definePipeline,
  END,
  MemoryCheckpointer,
  type PipelineOptions,
  send,
  unchecked,
} from "../mod.ts";
import { expectStatus, turns, untilAborted, watch } from "./engine_probes.ts";

interface Work {
  item: number;
  items: number[];
  last: number;
  results: string[];
}

type Worker = (item: number, signal: AbortSignal) => string | Promise<string>;

/** Every item is sent to one worker; what they answer is appended. */
function fanOut(work: Worker, options: PipelineOptions<Work> = {}) {
  return definePipeline({
    name: "fan-out",
    state: unchecked<Work>(),
    reducers: { results: append },
    nodes: {
      split: () => {},
      worker: async (state, { signal }) => ({
        results: await work(state.item, signal),
        last: state.item,
      }),
      join: () => {},
    },
    start: "split",
    edges: {
      split: (state) => state.items.map((item) => send("worker", { item })),
      worker: "join",
      join: END,
    },
  }, options);
}

/** Dies at the first save that the predicate picks: nothing is stored from then on. */
function dyingAt(
  inner: Checkpointer,
  isFatal: (nodeId: string, finished: number) => boolean,
): Checkpointer {
  let isDead = false;
  return watch(({ nodeId, tasks }) => {
    isDead ||= isFatal(nodeId, tasks.filter(({ status }) => status === "finished").length);
    if (isDead) throw new Error("the machine is gone");
  }, inner);
}

Deno.test("the result of a fan-out does not depend on timing", async () => {
  const runs = fc.record({
    delays: fc.array(fc.nat(30), { maxLength: 40 }),
    concurrency: fc.integer({ min: 1, max: 50 }),
    isStored: fc.boolean(),
  });
  await fc.assert(fc.asyncProperty(runs, async ({ delays, concurrency, isStored }) => {
    const pipeline = fanOut(async (item) => {
      await turns(delays[item] ?? 0);
      return `item ${item}`;
    }, { concurrency, checkpointer: isStored ? new MemoryCheckpointer() : undefined });
    const items = delays.map((_, index) => index);
    const { status, state, completedNodes } = await pipeline.invoke({ items, results: [] });
    assertEquals(status, "completed");
    assertEquals(state.results, items.map((item) => `item ${item}`));
    assertEquals(state.last, items.at(-1));
    const workers = items.map(() => "worker");
    assertEquals(completedNodes, items.length === 0 ? ["split"] : ["split", ...workers, "join"]);
  }));
});

Deno.test("never more tasks run at once than concurrency allows, and no fewer", async () => {
  for (const [concurrency, expected] of [[1, 1], [3, 3], [200, 150], [undefined, 64]]) {
    let running = 0;
    let most = 0;
    const pipeline = fanOut(async (item) => {
      most = Math.max(most, ++running);
      await turns(item % 7);
      running--;
      return "";
    }, { concurrency });
    const items = Array.from({ length: 150 }, (_, index) => index);
    await pipeline.invoke({ items });
    assertEquals(most, expected);
  }
});

Deno.test("a slow task does not hold up the ones that wait for a place", async () => {
  const slow = Promise.withResolvers<string>();
  const pipeline = fanOut((item) => {
    if (item === 0) return slow.promise;
    if (item === 9) slow.resolve("slow");
    return `${item}`;
  }, { concurrency: 2 });
  const { state } = await pipeline.invoke({ items: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] });
  assertEquals(state.results.join(" "), "slow 1 2 3 4 5 6 7 8 9");
});

Deno.test("a finished task is saved while its siblings run", async () => {
  const saved = Promise.withResolvers<string>();
  const checkpointer = watch(({ tasks }) => {
    if (tasks[1]?.status === "finished" && tasks[0]?.status === "pending") saved.resolve("saved");
  });
  const pipeline = fanOut((item) => item === 0 ? saved.promise : "quick", { checkpointer });
  const { state } = await pipeline.invoke({ items: [0, 1] });
  assertEquals(state.results, ["saved", "quick"]);
  const [finished] = checkpointer.records.flatMap(({ nodeId, status, tasks, state, steps }) =>
    tasks[1]?.status === "finished" ? [{ nodeId, status, tasks, state, steps }] : []
  );
  assertEquals<unknown>(finished, {
    nodeId: "worker",
    status: "running",
    tasks: [
      { node: "worker", visit: 1, payload: { item: 0 }, status: "pending" },
      {
        node: "worker",
        visit: 2,
        payload: { item: 1 },
        status: "finished",
        update: { results: "quick", last: 1 },
      },
    ],
    state: { items: [0, 1] },
    steps: 1,
  });
});

Deno.test("tasks that finish during a save share the next one", async () => {
  const savedFirst = Promise.withResolvers<void>();
  const checkpointer = watch(({ tasks }) => {
    const isFirst = tasks.filter(({ status }) => status === "finished").length === 1;
    return isFirst ? savedFirst.promise : undefined;
  });
  const pipeline = fanOut(async (item) => {
    if (item === 0) {
      // By now the others have finished, while the save of the first of them is under way.
      await turns(50);
      savedFirst.resolve();
      await turns(50);
    }
    return `${item}`;
  }, { checkpointer });
  await pipeline.invoke({ items: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] });
  const counts = checkpointer.records.map(({ tasks }) =>
    tasks.filter(({ status }) => status === "finished").length
  );
  assertEquals(counts, [0, 0, 1, 9, 0, 0]);
});

Deno.test("after a crash in a fan-out only the unfinished tasks run again", async () => {
  const store = new MemoryCheckpointer();
  const calls: number[] = [];
  const crashed = fanOut(async (item) => {
    calls.push(item);
    await turns(item * 40);
    return `${item}`;
  }, { checkpointer: dyingAt(store, (_, finished) => finished === 3) });
  const items = [0, 1, 2, 3, 4];
  await assertRejects(() => crashed.invoke({ items }, { runId: "r" }), CheckpointSaveError);
  assertEquals(calls, items);

  calls.length = 0;
  const pipeline = fanOut((item) => {
    calls.push(item);
    return `${item} again`;
  }, { checkpointer: store });
  const { state } = expectStatus(await pipeline.resume("r"), "completed");
  assertEquals(calls, [2, 3, 4]);
  assertEquals(state.results, ["0", "1", "2 again", "3 again", "4 again"]);
});

Deno.test("a failed save in a fan-out aborts what runs, starts no more, and rejects", async () => {
  const store = new MemoryCheckpointer();
  const cause = new Error("disk full");
  const started: number[] = [];
  const aborted: number[] = [];
  const pipeline = fanOut(async (item, signal) => {
    started.push(item);
    if (item === 0) return "quick";
    await untilAborted(signal).catch(() => aborted.push(item));
    throw signal.reason;
  }, {
    concurrency: 3,
    checkpointer: watch(({ tasks }) => {
      if (tasks.some(({ status }) => status === "finished")) throw cause;
    }, store),
  });
  const error = await assertRejects(
    () => pipeline.invoke({ items: [0, 1, 2, 3, 4, 5] }, { runId: "r" }),
    CheckpointSaveError,
  );
  assertEquals([error.runId, error.lastSequence, error.cause], ["r", 1, cause]);
  assertEquals(aborted, started.slice(1), "whatever ran was aborted");
  assertEquals(started.length < 6, true, "what waited was not begun");
  assertEquals((await store.loadLatest("fan-out", "r"))?.sequence, 1);
});

Deno.test("a conflict in a fan-out aborts what runs and comes through as it is", async () => {
  const reasons: unknown[] = [];
  const pipeline = fanOut(async (item, signal) => {
    if (item === 0) return "quick";
    return await untilAborted(signal).catch((reason) => {
      reasons.push(reason);
      throw reason;
    });
  }, {
    checkpointer: watch((record) => {
      if (record.sequence === 2) throw new CheckpointConflictError(record);
    }),
  });
  const error = await assertRejects(
    () => pipeline.invoke({ items: [0, 1, 2] }),
    CheckpointConflictError,
  );
  assertEquals(reasons, [error, error], "the nodes are told why");
});

Deno.test("a fan-out of a thousand is one step, and its order holds", async () => {
  const pipeline = fanOut((item) => `${item}`, { recursionLimit: 3 });
  const items = Array.from({ length: 1_000 }, (_, index) => index);
  const { state, completedNodes } = expectStatus(await pipeline.invoke({ items }), "completed");
  assertEquals(state.results, items.map(String));
  assertEquals(completedNodes.length, 1_002);
});
