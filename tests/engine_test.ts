import { assertEquals } from "@std/assert";
import { append, definePipeline, END, extend, send, unchecked } from "../mod.ts";
import { expectStatus, turns } from "./engine_probes.ts";

interface Work {
  count: number;
  seen: number[];
  log: string[];
  items: string[];
}

Deno.test("nodes run one after the other, each on what the one before left", async () => {
  const pipeline = definePipeline({
    name: "line",
    state: unchecked<Work>(),
    nodes: {
      one: (state) => ({ count: state.count + 1 }),
      two: async (state) => await Promise.resolve({ count: state.count * 10 }),
      three: (state) => ({ count: state.count + 3 }),
    },
    start: "one",
    edges: { one: "two", two: "three", three: END },
  });
  const result = await pipeline.invoke({ count: 1 });
  assertEquals(result.status, "completed");
  assertEquals(result.state.count, 23);
  assertEquals(result.completedNodes, ["one", "two", "three"]);
});

Deno.test("startAt begins at another node", async () => {
  const pipeline = definePipeline({
    name: "line",
    state: unchecked<Work>(),
    nodes: { one: () => {}, two: () => {} },
    start: "one",
    edges: { one: "two", two: END },
  });
  const result = await pipeline.invoke({}, { startAt: "two" });
  assertEquals(result.completedNodes, ["two"]);
});

Deno.test("a cycle runs until its edge leads out", async () => {
  const pipeline = definePipeline({
    name: "cycle",
    state: unchecked<Work>(),
    nodes: {
      work: (state) => ({ count: state.count + 1 }),
      check: (state) => ({ count: state.count * 2 }),
    },
    start: "work",
    edges: {
      work: "check",
      check: {
        route: (state) => state.count < 20 ? "more" : "enough",
        to: { more: "work", enough: END },
      },
    },
  });
  const result = await pipeline.invoke({ count: 0 });
  assertEquals(result.state.count, 30);
  assertEquals(result.completedNodes.length, 8);
});

Deno.test("tasks of a step see the state as it was when the step began", async () => {
  const pipeline = definePipeline({
    name: "step",
    state: unchecked<Work>(),
    reducers: { seen: append },
    nodes: {
      split: () => {},
      one: (state) => ({ count: state.count + 1, seen: state.count }),
      two: async (state) => {
        await turns(20);
        return { count: state.count + 2, seen: state.count };
      },
      last: () => {},
    },
    start: "split",
    edges: { split: ["one", "two"], one: "last", two: "last", last: END },
  });
  const { state } = await pipeline.invoke({ count: 5 });
  assertEquals(state.seen, [5, 5]);
  assertEquals(state.count, 7, "the update of the later task is folded last");
});

Deno.test("a node that several edges name runs once, after all of them", async () => {
  const pipeline = definePipeline({
    name: "join",
    state: unchecked<Work>(),
    reducers: { log: append },
    nodes: {
      split: () => {},
      one: (_, { node }) => ({ log: node }),
      two: (_, { node }) => ({ log: node }),
      three: (_, { node }) => ({ log: node }),
      join: (state, { node }) => ({ log: `${node} of ${state.log.length}` }),
    },
    start: "split",
    edges: {
      split: () => ["one", "two", "one", "three", "two"],
      one: "join",
      two: ["join", END, "join"],
      three: { route: (_state) => ["next", "next"], to: { next: "join" } },
      join: END,
    },
  });
  const result = await pipeline.invoke({});
  assertEquals(result.state.log, ["one", "two", "three", "join of 3"]);
  assertEquals(result.completedNodes, ["split", "one", "two", "three", "join"]);
});

Deno.test("every send runs, also beside the same name and with the same payload", async () => {
  const pipeline = definePipeline({
    name: "sends",
    state: unchecked<Work>(),
    reducers: { seen: append },
    nodes: { split: () => {}, worker: (state, { visit }) => ({ seen: state.count * 10 + visit }) },
    start: "split",
    edges: {
      split: () => [
        send("worker", { count: 1 }),
        "worker",
        send("worker", { count: 1 }),
        "worker",
        send("worker", {}),
      ],
      worker: END,
    },
  });
  const { state } = await pipeline.invoke({ count: 9 });
  assertEquals(state.seen, [11, 92, 13, 94]);
});

Deno.test("a send folds its payload through the reducers, for its own task alone", async () => {
  const pipeline = definePipeline({
    name: "sends",
    state: unchecked<Work>(),
    reducers: { items: extend, log: append },
    nodes: {
      split: () => {},
      worker: (state) => ({ log: state.items.join("") }),
      last: () => {},
    },
    start: "split",
    edges: {
      split: ["b", "c"].map((item) => send("worker", { items: [item] })),
      worker: "last",
      last: END,
    },
  });
  const { state } = await pipeline.invoke({ items: ["a"] });
  assertEquals<unknown>(state, { items: ["a"], log: ["ab", "ac"] });
});

Deno.test("each distinct finished node's edge is asked once a step, with all updates folded", async () => {
  const asked: [node: string, seen: readonly number[]][] = [];
  const pipeline = definePipeline({
    name: "edges",
    state: unchecked<Work>(),
    reducers: { seen: append },
    nodes: {
      split: () => {},
      worker: (state) => ({ seen: state.count }),
      other: () => ({ count: 0 }),
      last: () => {},
    },
    start: "split",
    edges: {
      split: () => [send("worker", { count: 1 }), "other", send("worker", { count: 2 })],
      worker: (state) => {
        asked.push(["worker", state.seen]);
        return "last";
      },
      other: {
        route: (state) => {
          asked.push(["other", state.seen]);
          return "last";
        },
        to: ["last"],
      },
      last: END,
    },
  });
  const result = await pipeline.invoke({});
  assertEquals(asked, [["worker", [1, 2]], ["other", [1, 2]]]);
  assertEquals(result.completedNodes, ["split", "worker", "other", "worker", "last"]);
});

Deno.test("edges may be asynchronous, one or many of them", async () => {
  const pipeline = definePipeline({
    name: "async",
    state: unchecked<Work>(),
    nodes: { split: () => {}, one: () => {}, two: () => {}, last: () => {} },
    start: "split",
    edges: {
      split: async () => {
        await turns(3);
        return ["one", "two"];
      },
      one: async (state) => {
        await turns(9);
        return state.count > 1 ? "last" : [];
      },
      two: {
        route: async (_state) => await Promise.resolve(["go", "stop"] as const),
        to: { go: "last", stop: END },
      },
      last: END,
    },
  });
  const result = await pipeline.invoke({ count: 2 });
  assertEquals(result.completedNodes, ["split", "one", "two", "last"]);
});

Deno.test("an empty array, a list of END alone and an empty answer end the run", async () => {
  const pipeline = definePipeline({
    name: "ends",
    state: unchecked<Work>(),
    nodes: {
      fixed: () => {},
      listed: () => {},
      asked: () => {},
      routed: () => {},
      never: () => {},
    },
    start: "fixed",
    edges: {
      fixed: [],
      listed: [END, END],
      asked: () => [],
      routed: { route: () => [], to: ["never"] },
      never: END,
    },
  });
  for (const startAt of ["fixed", "listed", "asked", "routed"] as const) {
    const result = expectStatus(await pipeline.invoke({}, { startAt }), "completed");
    assertEquals(result.completedNodes, [startAt]);
  }
});

Deno.test("one branch may end while the others go on", async () => {
  const pipeline = definePipeline({
    name: "branches",
    state: unchecked<Work>(),
    nodes: { split: () => {}, one: () => {}, two: () => {}, last: () => {} },
    start: "split",
    edges: { split: ["one", END, "two"], one: END, two: "last", last: END },
  });
  const result = expectStatus(await pipeline.invoke({}), "completed");
  assertEquals(result.completedNodes, ["split", "one", "two", "last"]);
});

Deno.test("updates, payloads and states without an object's prototype work", async () => {
  const bare = <T extends object>(fields: T): T => Object.assign(Object.create(null), fields);
  const pipeline = definePipeline({
    name: "bare",
    state: unchecked<Work>(),
    nodes: { one: () => bare({ count: 2 }), two: (state) => ({ seen: [state.count] }) },
    start: "one",
    edges: { one: () => send("two", bare({ count: 3 })), two: END },
  });
  const { state } = await pipeline.invoke(bare({ count: 1 }));
  assertEquals([state.count, state.seen], [2, [3]]);
});
