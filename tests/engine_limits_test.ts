import { assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import {
  append,
  type Checkpointer,
  definePipeline,
  END,
  pause,
  RecursionLimitError,
  send,
  unchecked,
} from "../mod.ts";
import { expectStatus, watch } from "./engine_probes.ts";

interface Work {
  count: number;
  goal: number;
  log: string[];
}

/** Counts up to the goal, one step each. */
function counter(recursionLimit?: number, checkpointer?: Checkpointer) {
  return definePipeline({
    name: "counter",
    state: unchecked<Work>(),
    nodes: { add: (state) => ({ count: state.count + 1 }) },
    start: "add",
    edges: { add: (state) => state.count < state.goal ? "add" : END },
  }, { recursionLimit, checkpointer });
}

Deno.test("a run takes as many steps as its limit, and fails before the next one", async () => {
  for (const [limit, steps] of [[1, 1], [7, 7], [undefined, 25]]) {
    const pipeline = counter(limit);
    expectStatus(await pipeline.invoke({ count: 0, goal: steps }), "completed");
    const result = await pipeline.invoke({ count: 0, goal: Infinity }, { runId: "r" });
    const { error, failedNode, state } = expectStatus(result, "failed");
    assertInstanceOf(error, RecursionLimitError);
    assertEquals([failedNode, state.count], ["add", steps]);
    assertEquals([error.name, error.runId, error.pipelineName], [
      "RecursionLimitError",
      "r",
      "counter",
    ]);
    for (const word of ['"add"', '"r"', '"counter"', `${steps} steps`, "recursionLimit"]) {
      assertStringIncludes(error.message, word);
    }
  }
});

Deno.test("the limit may be Infinity", async () => {
  const { state } = await counter(Infinity).invoke({ count: 0, goal: 1_000 });
  assertEquals(state.count, 1_000);
});

Deno.test("the limit counts over the whole life of a run, and may be raised", async () => {
  const store = watch();
  const run = counter(3, store);
  const first = await run.invoke({ count: 0, goal: 5 }, { runId: "r" });
  assertInstanceOf(expectStatus(first, "failed").error, RecursionLimitError);
  const again = expectStatus(await run.resume("r"), "failed");
  assertInstanceOf(again.error, RecursionLimitError);
  assertEquals(again.state.count, 3, "no node ran");
  const more = expectStatus(await counter(4, store).resume("r"), "failed");
  assertEquals(more.state.count, 4);
  assertEquals(expectStatus(await counter(5, store).resume("r"), "completed").state.count, 5);
});

Deno.test("a fan-out of a thousand is one step, in however many calls it is done", async () => {
  const calls = new Map<number, number>();
  const pipeline = definePipeline({
    name: "wide",
    state: unchecked<Work>(),
    reducers: { log: append },
    nodes: {
      split: () => {},
      worker: (state) => {
        const visits = (calls.get(state.count) ?? 0) + 1;
        calls.set(state.count, visits);
        if (state.count === 500 && visits < 4) throw new Error("not yet");
        return { log: `${state.count}` };
      },
      join: () => {},
    },
    start: "split",
    edges: {
      split: (_state) => Array.from({ length: 1_000 }, (_, count) => send("worker", { count })),
      worker: "join",
      join: END,
    },
  }, { checkpointer: watch(), recursionLimit: 3 });
  expectStatus(await pipeline.invoke({}, { runId: "r" }), "failed");
  expectStatus(await pipeline.resume("r"), "failed");
  expectStatus(await pipeline.resume("r"), "failed");
  const { state } = expectStatus(await pipeline.resume("r"), "completed");
  assertEquals(state.log.length, 1_000);
  assertEquals([...calls.values()].filter((visits) => visits > 1), [4]);
});

Deno.test("a pause counts as the one step in which its node ran", async () => {
  const pipeline = definePipeline({
    name: "asking",
    state: unchecked<Work>(),
    nodes: { ask: () => pause("sure?"), last: () => {} },
    start: "ask",
    edges: { ask: "last", last: END },
  }, { checkpointer: watch(), recursionLimit: 2 });
  await pipeline.invoke({}, { runId: "r" });
  expectStatus(await pipeline.resume("r", { approvePause: true }), "completed");
});
