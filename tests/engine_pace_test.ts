import { assert, assertEquals } from "@std/assert";
import {
  append,
  type Checkpointer,
  definePipeline,
  END,
  MemoryCheckpointer,
  send,
  unchecked,
} from "../mod.ts";
import { expectStatus, untyped } from "./engine_probes.ts";

interface Work {
  item: number;
  log: number[];
}

/** A cycle that ends only when it has kept everybody else waiting for seconds. */
function endless(checkpointer?: Checkpointer) {
  return definePipeline({
    name: "endless",
    state: unchecked<Work>(),
    nodes: { add: (state) => ({ item: state.item + 1 }) },
    start: "add",
    edges: { add: "add" },
  }, { checkpointer, recursionLimit: 2_000_000 });
}

/** Takes everything at once and keeps nothing. */
const forgetful: Checkpointer = {
  save: () => Promise.resolve(),
  loadLatest: () => Promise.resolve(undefined),
  async *listRuns() {},
  async *history() {},
  deleteRun: () => Promise.resolve(),
};

async function assertTimerAborts(checkpointer: Checkpointer | undefined): Promise<void> {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort("enough"), 20);
  const { signal } = controller;
  const { state } = expectStatus(
    await endless(checkpointer).invoke({ item: 0 }, { signal }),
    "cancelled",
  );
  clearTimeout(timer);
  assert(state.item > 0);
}

Deno.test("a run whose nodes and store answer at once lets a timer abort it", async () => {
  for (const checkpointer of [undefined, forgetful]) await assertTimerAborts(checkpointer);
});

Deno.test("it does so on a host that has only what the web has", async () => {
  const immediate = Object.getOwnPropertyDescriptor(globalThis, "setImmediate");
  assert(immediate?.configurable);
  Reflect.deleteProperty(globalThis, "setImmediate");
  try {
    await assertTimerAborts(forgetful);
  } finally {
    Object.defineProperty(globalThis, "setImmediate", immediate);
  }
});

Deno.test("runs whose nodes answer at once take turns", async () => {
  const controllers = [new AbortController(), new AbortController(), new AbortController()];
  const timer = setTimeout(() => controllers.forEach((controller) => controller.abort()), 50);
  const results = await Promise.all(
    controllers.map(({ signal }) => endless().invoke({ item: 0 }, { signal })),
  );
  clearTimeout(timer);
  for (const result of results) assert(expectStatus(result, "cancelled").state.item > 0);
});

Deno.test("a fan-out whose workers answer at once lets a timer abort it", async () => {
  const controller = new AbortController();
  let ran = 0;
  const result = await definePipeline({
    name: "busy",
    state: unchecked<Work>(),
    reducers: { log: append },
    nodes: {
      split: () => {},
      worker: ({ item }) => {
        if (ran++ === 0) setTimeout(() => controller.abort("enough"));
        const until = performance.now() + 1;
        while (performance.now() < until);
        return { log: item };
      },
    },
    start: "split",
    edges: {
      split: () => Array.from({ length: 10_000 }, (_, item) => send("worker", { item })),
      worker: END,
    },
  }).invoke({ item: 0 }, { signal: controller.signal });
  expectStatus(result, "cancelled");
  assert(ran < 10_000, "the timer came before the last worker");
});

Deno.test("a node may answer with anything that can be awaited", async () => {
  const boom = new Error("boom");
  class Query {
    constructor(readonly answer: unknown) {}
    then(resolve: (value: unknown) => void, reject: (error: unknown) => void): void {
      if (this.answer instanceof Error) reject(this.answer);
      else resolve(this.answer);
    }
  }
  for (const checkpointer of [undefined, new MemoryCheckpointer()]) {
    const pipeline = (answer: unknown) =>
      definePipeline({
        name: "awaited",
        state: unchecked<Work>(),
        nodes: { ask: () => untyped<{ item: number }>(new Query(answer)) },
        start: "ask",
        edges: { ask: END },
      }, { checkpointer });
    const { state } = expectStatus(await pipeline({ item: 7 }).invoke({}), "completed");
    assertEquals(state.item, 7);
    assertEquals(expectStatus(await pipeline(boom).invoke({}), "failed").error, boom);
  }
});

Deno.test("a long run of steps that answer at once does not deepen the stack", async () => {
  const steps = 200_000;
  const { state } = await definePipeline({
    name: "long",
    state: unchecked<Work>(),
    nodes: { add: (state) => ({ item: state.item + 1 }) },
    start: "add",
    edges: { add: ({ item }) => item < steps ? "add" : END },
  }, { recursionLimit: Infinity }).invoke({ item: 0 });
  assertEquals(state.item, steps);
});
