import { append, definePipeline, END, send, unchecked } from "../mod.ts";
import { benchTime } from "./measure.ts";

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

function expect(found: number, expected: number): void {
  if (found !== expected) throw new Error(`Expected ${expected}, not ${found}`);
}

for (const steps of [100, 1_000, 10_000, 100_000]) {
  const pipeline = cycle(steps);
  benchTime({
    name: `no-op steps, ${steps.toLocaleString("en")} in a cycle`,
    unit: "step",
    units: steps,
    mostMicroseconds: 1,
    rounds: steps > 10_000 ? 5 : 30,
    async work() {
      const { state } = await pipeline.invoke({ count: 0 });
      expect(state.count, steps);
    },
  });
}

const workers = fanOut(1_000);
benchTime({
  name: "fan-out of 1,000 no-op workers",
  unit: "worker",
  units: 1_000,
  mostMicroseconds: 3,
  async work() {
    const { state } = await workers.invoke({ item: 0, results: [] });
    expect(state.results.length, 1_000);
  },
});
