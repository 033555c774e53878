import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { append, definePipeline, END, extend, send, unchecked } from "../mod.ts";
import { growList, noteGrowth, startsWith } from "../pipeline/grown_list.ts";
import { watch } from "./engine_probes.ts";

interface Work {
  count: number;
  log: unknown[];
}

type Reduce = (list: unknown[], item: unknown) => unknown[];

/** A cycle that adds an item a step, what `itemAt` answers; its records and the states of its nodes. */
async function cycle(steps: number, reduce: Reduce, itemAt: (count: number) => unknown = (n) => n) {
  const store = watch();
  const seen: Readonly<Work>[] = [];
  const pipeline = definePipeline({
    name: "cycle",
    state: unchecked<Work>(),
    reducers: { log: reduce },
    nodes: {
      add: (state) => {
        seen.push(state);
        return { count: state.count + 1, log: itemAt(state.count) };
      },
    },
    start: "add",
    edges: { add: (state) => state.count < steps ? "add" : END },
  }, { checkpointer: store, recursionLimit: Infinity });
  const { state } = await pipeline.invoke({ count: 0, log: [] });
  return { store, states: [...seen, state] };
}

Deno.test("lists that grow from one another, or beside one another, never touch each other", () => {
  const moves = fc.array(
    fc.record({
      from: fc.nat(),
      other: fc.nat(),
      items: fc.array(fc.constantFrom(0, NaN, "a", undefined), { maxLength: 3 }),
      isNoted: fc.boolean(),
    }),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(moves, (moves) => {
      const first: readonly unknown[] = Object.freeze([]);
      const made = [{ list: first, model: [] as readonly unknown[] }];
      for (const { from, other, items, isNoted } of moves) {
        const source = made[from % made.length];
        assert(source !== undefined);
        const model = [...source.model, ...items];
        const list = isNoted ? Object.freeze([...model]) : growList(source.list, items);
        if (isNoted) noteGrowth(list, source.list);
        made.push({ list, model });
        const head = made[other % made.length];
        assert(head !== undefined);
        const isHead = head.model.every((item, index) =>
          index < model.length && Object.is(item, model[index])
        );
        assertEquals(startsWith(list, head.list), isHead);
        assertEquals(startsWith(list, source.list), true);
      }
      for (const { list, model } of made) {
        assertEquals(list, model);
        assert(Object.isFrozen(list));
      }
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("every state keeps its own list, whatever grows from it later", async () => {
  for (const reduce of [append, (list: unknown[], item: unknown) => [...list, item]]) {
    const { states } = await cycle(50, reduce);
    for (const [step, { log }] of states.entries()) {
      assertEquals(log, Array.from({ length: step }, (_, index) => index));
      assert(Object.isFrozen(log));
    }
  }
});

Deno.test("the views of a fan-out grow from one list, each for itself", async () => {
  const views: string[] = [];
  const { state } = await definePipeline({
    name: "views",
    state: unchecked<{ log: string[] }>(),
    reducers: { log: extend },
    nodes: {
      split: (_state) => ({ log: ["split"] }),
      worker: ({ log }) => {
        views.push(log.join());
        return { log: [`after ${log.at(-1)}`] };
      },
    },
    start: "split",
    edges: {
      split: ["a", "b", "c"].map((name) => send("worker", { log: [name, name] })),
      worker: END,
    },
  }).invoke({ log: ["start"] });
  assertEquals(views, ["start,split,a,a", "start,split,b,b", "start,split,c,c"]);
  assertEquals(state.log, ["start", "split", "after a", "after b", "after c"]);
});

Deno.test("a list of JSON is its own stored form, and its change is what was added", async () => {
  for (const reduce of [append, (list: unknown[], item: unknown) => [...list, item]]) {
    const { store, states } = await cycle(20, reduce, (count) => ({ count, deep: [count] }));
    for (const [index, { state }] of store.records.entries()) {
      assertStrictEquals<unknown>(state.log, states[index]?.log);
    }
    for (const [index, change] of store.changes.entries()) {
      // Without a first item there is nothing to append to.
      if (index < 2) continue;
      assertEquals<unknown>(change?.appended, { log: [{ count: index - 1, deep: [index - 1] }] });
      assertEquals(Object.keys(change?.set ?? {}), ["count"]);
    }
  }
});

Deno.test("a list of what JSON does not know keeps the stored items it had", async () => {
  const { store } = await cycle(20, append, (count) => ({ count, when: undefined, big: 1n }));
  for (const [index, { state }] of store.records.entries()) {
    const before = store.records[index - 1]?.state.log;
    if (!Array.isArray(before) || !Array.isArray(state.log) || before.length === 0) continue;
    for (const [place, item] of before.entries()) assertStrictEquals(state.log[place], item);
    assertEquals(store.changes[index]?.appended, { log: state.log.slice(before.length) });
  }
});

Deno.test("a constant field is encoded once, also where JSON does not know all of it", async () => {
  let reads = 0;
  const counted = new Proxy([1n], {
    get(list, key, receiver) {
      if (key === "0") reads++;
      return Reflect.get(list, key, receiver);
    },
  });
  const readsAtSave: number[] = [];
  const store = watch(() => {
    readsAtSave.push(reads);
  });
  await definePipeline({
    name: "constant",
    state: unchecked<{ count: number; constant: { when?: string; big: bigint[] } }>(),
    nodes: {
      fill: () => ({ constant: { when: undefined, big: counted } }),
      add: ({ count }) => ({ count: count + 1 }),
    },
    start: "fill",
    edges: { fill: "add", add: ({ count }) => count < 5 ? "add" : END },
  }, { checkpointer: store }).invoke({ count: 0 });
  assertEquals([readsAtSave[0], reads > 0], [0, true]);
  assertEquals(new Set(readsAtSave.slice(1)).size, 1, `reads at each save: ${readsAtSave}`);
  const [first, ...others] = store.records.slice(1).map(({ state }) => state.constant);
  for (const later of others) assertStrictEquals(later, first);
});

Deno.test("what cannot be frozen is looked at again, also deep in a list that grew", async () => {
  const { store } = await cycle(5, (list = [], item) => {
    const [first] = list;
    if (first instanceof Map) first.set("size", list.length);
    return [...list, item];
  }, (count) => count === 0 ? new Map() : { times: [new Date(count)] });
  assertEquals(store.records.map(({ state }) => Array.isArray(state.log) ? state.log[0] : []), [
    undefined,
    { $map: [] },
    { $map: [["size", 1]] },
    { $map: [["size", 2]] },
    { $map: [["size", 3]] },
    { $map: [["size", 4]] },
  ]);
});

Deno.test("a list that a reducer of one's own copies is walked once a step", async () => {
  let reads = 0;
  const counting = (list: unknown[]) =>
    new Proxy(list, {
      get(target, key, receiver) {
        if (typeof key === "string" && /^\d+$/.test(key)) reads++;
        return Reflect.get(target, key, receiver);
      },
    });
  const steps = 100;
  await cycle(steps, (list = [], item) => counting([...list, item]));
  // The reducer reads a list to copy it, the store to keep it, and the engine once in between.
  const once = steps * (steps - 1) / 2;
  assert(reads < 3 * once + 10 * steps, `${reads} reads, ${once} in one walk a step`);
});

Deno.test("records stay as they were handed over, whatever the run does later", async () => {
  const texts: string[] = [];
  const store = watch((record) => {
    texts.push(JSON.stringify(record));
  });
  await definePipeline({
    name: "kept",
    state: unchecked<{ item: number; log: number[]; tags: string[]; seen: Set<number> }>(),
    reducers: { log: append, tags: extend },
    nodes: {
      split: ({ seen }) => {
        seen.add(seen.size);
        return { tags: ["split"] };
      },
      worker: async ({ item }) => {
        for (let turn = 0; turn < item * 10; turn++) await undefined;
        return { log: item };
      },
    },
    start: "split",
    edges: {
      split: (_state) => [1, 2, 3, 4].map((item) => send("worker", { item })),
      worker: ({ tags }) => tags.length < 4 ? "split" : END,
    },
  }, { checkpointer: store }).invoke({ log: [], tags: [], seen: new Set() });
  assertEquals(store.records.map((record) => JSON.stringify(record)), texts);
  assert(texts.length > 12, "tasks that finished were saved");
});
