import { append, definePipeline, END, send, unchecked } from "../mod.ts";

/** A cycle of one node that does next to nothing, without a checkpointer. */
function cycle(steps: number) {
  return definePipeline({
    name: "cycle",
    state: unchecked<{ count: number }>(),
    nodes: { add: (state) => ({ count: state.count + 1 }) },
    start: "add",
    edges: { add: (state) => state.count < steps ? "add" : END },
  }, { recursionLimit: Infinity });
}

/** A fan-out to workers that do next to nothing, and a join. */
function fanOut(workers: number) {
  const items = Array.from({ length: workers }, (_, item) => item);
  return definePipeline({
    name: "fan-out",
    state: unchecked<{ item: number; results: number[] }>(),
    reducers: { results: append },
    nodes: {
      split: () => {},
      work: (state) => ({ results: state.item * 2 }),
      join: () => {},
    },
    start: "split",
    edges: {
      split: { route: () => items.map((item) => send("work", { item })), to: ["work"] },
      work: "join",
      join: END,
    },
  });
}

/** What an engine cannot go below: the node's own call awaited, and a new state. */
async function bareLoop(steps: number): Promise<number> {
  const add = (state: { readonly count: number }) => Promise.resolve({ count: state.count + 1 });
  let state = { count: 0 };
  while (state.count < steps) state = { ...state, ...await add(state) };
  return state.count;
}

Deno.bench("bare loop of 10,000 steps", { group: "step", baseline: true }, async () => {
  await bareLoop(10_000);
});

for (const steps of [100, 1_000, 10_000, 100_000]) {
  const pipeline = cycle(steps);
  Deno.bench(`cycle of ${steps.toLocaleString("en")} steps`, { group: "step" }, async () => {
    const { state } = await pipeline.invoke({ count: 0 });
    if (state.count !== steps) throw new Error(`Expected ${steps} steps, not ${state.count}`);
  });
}

const workers = fanOut(1_000);
Deno.bench("fan-out of 1,000 workers", { group: "fan-out" }, async () => {
  const { state } = await workers.invoke({ item: 0, results: [] });
  if (state.results.length !== 1_000) throw new Error("Expected 1,000 results");
});
