import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import {
  append,
  definePipeline,
  END,
  extend,
  MemoryCheckpointer,
  merge,
  pause,
  send,
  unchecked,
} from "../mod.ts";
import { expectStatus, watch } from "./engine_probes.ts";

interface Work {
  deep: { list: { name: string }[]; more?: { yes: boolean } };
  log: { text: string }[];
  tags: string[];
  meta: { [key: string]: { value: number } };
  when: Date;
  counts: Map<string, number>;
  turn: number;
}

type Change = (state: Readonly<Work>) => void;

const changes: readonly (readonly [what: string, change: Change])[] = [
  ["a field", (state) => Object.assign(state, { turn: 9 })],
  ["a new field", (state) => Object.assign(state, { other: 9 })],
  ["a removed field", (state) => Reflect.deleteProperty(state, "turn") || fail()],
  ["an object in a field", (state) => Object.assign(state.deep, { more: { yes: false } })],
  ["a list in a field", (state) => state.tags.push("c")],
  ["the order of a list", (state) => state.tags.reverse()],
  [
    "an object in a list in an object",
    (state) => Object.assign(state.deep.list[0] ?? {}, { name: "b" }),
  ],
  ["an item that was appended", (state) => Object.assign(state.log.at(-1) ?? {}, { text: "b" })],
  ["a property that was merged", (state) => Object.assign(state.meta.one ?? {}, { value: 9 })],
];

function fail(): never {
  throw new TypeError("it was refused without an error");
}

/** Three nodes: the first one fills the state, the last one is handed in. */
function pipelineOf(last: Change, checkpointer = new MemoryCheckpointer()) {
  return definePipeline({
    name: "frozen",
    state: unchecked<Work>(),
    reducers: { log: append, tags: extend, meta: merge },
    nodes: {
      one: (_state) => ({
        deep: { list: [{ name: "a" }] },
        log: { text: "a" },
        tags: ["a", "b"],
        meta: { one: { value: 1 } },
      }),
      ask: () => pause("go on?"),
      last: (state) => {
        last(state);
        return {};
      },
    },
    start: "one",
    edges: { one: "ask", ask: send("last", { turn: 1 }), last: END },
  }, { checkpointer });
}

Deno.test("changing the state in place throws, however deep, and changes nothing", async () => {
  for (const [what, change] of changes) {
    const pipeline = pipelineOf(change);
    const paused = expectStatus(await pipeline.invoke({ turn: 0 }, { runId: "r" }), "paused");
    const before = structuredClone(paused.state);
    const result = expectStatus(await pipeline.resume("r", { approvePause: true }), "failed");
    assertInstanceOf(result.error, TypeError, what);
    assertEquals(result.state, before);
  }
});

Deno.test("a result's state and the history's are frozen like a node's", async () => {
  const pipeline = pipelineOf(() => {});
  const paused = await pipeline.invoke({ turn: 0 }, { runId: "r" });
  const done = await pipeline.resume("r", { approvePause: true });
  const finished = await pipeline.resume("r");
  const [last] = await Array.fromAsync(pipeline.history("r"));
  for (const state of [paused.state, done.state, finished.state, last?.state]) {
    assert(state !== undefined);
    for (const part of [state, state.deep, state.deep.list[0], state.log, state.meta.one]) {
      assert(Object.isFrozen(part));
    }
  }
});

Deno.test("the caller's own input and update are neither frozen nor changed", async () => {
  const input = { deep: { list: [{ name: "a" }] }, tags: ["a"], turn: 0 };
  const update = { deep: { list: [{ name: "b" }] }, tags: ["b"] };
  const before = structuredClone([input, update]);
  const pipeline = pipelineOf(() => {});
  await pipeline.invoke(input, { runId: "r" });
  const { state } = await pipeline.resume("r", { approvePause: true, update });
  assertEquals([input, update], before);
  input.deep.list.push({ name: "later" });
  update.deep.list[0] = { name: "later" };
  assertEquals(state.deep.list, [{ name: "b" }]);
});

Deno.test("an input that is an instance of a class is copied and frozen like any other", async () => {
  class Order {
    turn = 1;
    tags = ["a"];
  }
  for (const [what, change] of changes.slice(0, 3)) {
    const order = new Order();
    const pipeline = definePipeline({
      name: "orders",
      state: unchecked<Work>(),
      nodes: { one: (state) => change(state) },
      start: "one",
      edges: { one: END },
    });
    const { error } = expectStatus(await pipeline.invoke(order), "failed");
    assertInstanceOf(error, TypeError, what);
    assertEquals([order.turn, order.tags], [1, ["a"]]);
    assert(!Object.isFrozen(order));
  }
});

Deno.test("one object that the input holds twice stays one object", async () => {
  const shared = { list: [{ name: "a" }] };
  let isShared = false;
  await definePipeline({
    name: "shared",
    state: unchecked<{ one: object; two: object; cycle: unknown[] }>(),
    nodes: {
      look: (state) => {
        isShared = state.one === state.two && state.cycle[0] === state.cycle;
      },
    },
    start: "look",
    edges: { look: END },
  }).invoke({ one: shared, two: shared, cycle: cyclic() });
  assert(isShared);
  assert(!Object.isFrozen(shared));
});

function cyclic(): unknown[] {
  const list: unknown[] = [];
  list.push(list);
  return list;
}

Deno.test("what the language cannot freeze is left as it is", async () => {
  const result = await definePipeline({
    name: "opaque",
    state: unchecked<Work>(),
    nodes: {
      one: (state) => {
        state.counts.set("a", 1);
        return { counts: new Map(state.counts), when: new Date(state.when) };
      },
    },
    start: "one",
    edges: { one: END },
  }).invoke({ counts: new Map(), when: new Date(0) });
  assertEquals([...result.state.counts], [["a", 1]]);
  assertEquals(result.state.when, new Date(0));
});

Deno.test("a field that no update touches stays the very same value, in nodes and records", async () => {
  const seen: Readonly<Work>[] = [];
  const store = watch();
  const pipeline = definePipeline({
    name: "identity",
    state: unchecked<Work>(),
    reducers: { log: append, meta: merge },
    nodes: {
      one: (state) => {
        seen.push(state);
        return {
          turn: state.turn + 1,
          log: { text: `${state.turn}` },
          meta: { two: { value: 2 } },
        };
      },
    },
    start: "one",
    edges: { one: (state) => state.turn < 3 ? "one" : END },
  }, { checkpointer: store });
  const { state } = await pipeline.invoke({
    turn: 0,
    deep: { list: [{ name: "a" }] },
    log: [{ text: "start" }],
    meta: { one: { value: 1 } },
    when: new Date(0),
    counts: new Map([["a", 1]]),
  });
  const [first] = seen;
  for (const later of [...seen, state]) {
    assertStrictEquals(later.deep, first?.deep);
    assertStrictEquals(later.log[0], first?.log[0]);
    assertStrictEquals(later.meta.one, first?.meta.one);
  }
  const [stored, ...others] = store.records.map((record) => record.state);
  for (const later of others) assertStrictEquals(later.deep, stored?.deep);
  assertEquals(store.changes.slice(1).map((change) => Object.keys(change?.set ?? {}).sort()), [
    ["meta", "turn"],
    ["meta", "turn"],
    ["meta", "turn"],
  ]);
  assertEquals(store.changes.slice(1).map((change) => change?.appended), [
    { log: [{ text: "0" }] },
    { log: [{ text: "1" }] },
    { log: [{ text: "2" }] },
  ]);
});
