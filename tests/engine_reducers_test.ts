import { assert, assertEquals } from "@std/assert";
import {
  append,
  definePipeline,
  END,
  extend,
  MemoryCheckpointer,
  merge,
  pause,
  replace,
  send,
  unchecked,
} from "../mod.ts";
import { expectStatus } from "./engine_probes.ts";

interface Work {
  text: string;
  note: string | null;
  log: string[];
  tags: string[];
  meta: { author?: string; words?: number };
  total: number;
}

Deno.test("append, extend, merge and replace make new values and keep the old", () => {
  const list = Object.freeze(["a"]);
  assertEquals(append(list, "b"), ["a", "b"]);
  assertEquals(append<string>(undefined, "b"), ["b"]);
  assertEquals(append<unknown>([], ["b"]), [["b"]]);
  assertEquals(extend(list, ["b", "c"]), ["a", "b", "c"]);
  assertEquals(extend(undefined, ["b"]), ["b"]);
  const items = ["b"];
  assert(extend(undefined, items) !== items);
  const meta: Work["meta"] = Object.freeze({ author: "ana", words: 1 });
  assertEquals(merge(meta, { words: 2 }), { author: "ana", words: 2 });
  assertEquals(merge<Work["meta"]>(undefined, { words: 2 }), { words: 2 });
  assertEquals(replace("a", "b"), "b");
});

Deno.test("each field is folded by its own reducer, in task order", async () => {
  const { state } = await definePipeline({
    name: "reduced",
    state: unchecked<Work>(),
    reducers: {
      log: append,
      tags: extend,
      meta: merge,
      text: replace,
      total: (total: number | undefined, add: number) => (total ?? 100) + add,
    },
    nodes: {
      split: () => {},
      one: (_state) => ({ text: "1", log: "1", tags: ["a"], meta: { author: "ana" }, total: 1 }),
      two: (_state) => ({ text: "2", log: "2", tags: ["b", "c"], meta: { words: 2 }, total: 2 }),
    },
    start: "split",
    edges: { split: ["one", "two"], one: END, two: END },
  }).invoke({});
  assertEquals<unknown>(state, {
    text: "2",
    log: ["1", "2"],
    tags: ["a", "b", "c"],
    meta: { author: "ana", words: 2 },
    total: 103,
  });
});

Deno.test("undefined clears a field that is replaced and leaves one that is reduced", async () => {
  const pipeline = definePipeline({
    name: "cleared",
    state: unchecked<Work>(),
    reducers: { log: append },
    nodes: {
      ask: () => pause("clear?"),
      clear: () => ({ text: undefined, log: undefined, note: null }),
      look: (state) => ({ tags: Object.keys(state) }),
    },
    start: "ask",
    edges: { ask: "clear", clear: "look", look: END },
  }, { checkpointer: new MemoryCheckpointer() });
  await pipeline.invoke({ text: "a", log: ["a"], note: "a" }, { runId: "r" });
  const { state } = await pipeline.resume("r", { approvePause: true });
  assertEquals<unknown>(state, { log: ["a"], note: null, tags: ["log", "note"] });
});

Deno.test("undefined clears in a fan-out too, after a crash as well", async () => {
  const store = new MemoryCheckpointer();
  const clearing = (isMended: boolean) =>
    definePipeline({
      name: "cleared",
      state: unchecked<Work>(),
      reducers: { log: append },
      nodes: {
        split: () => {},
        clear: () => ({ text: undefined, log: undefined }),
        other: () => {
          if (!isMended) throw new Error("not today");
        },
      },
      start: "split",
      edges: { split: ["clear", "other"], clear: END, other: END },
    }, { checkpointer: store });
  const input = { text: "a", log: ["a"] };
  expectStatus(await clearing(false).invoke(input, { runId: "r" }), "failed");
  const { state } = expectStatus(await clearing(true).resume("r"), "completed");
  assertEquals<unknown>(state, { log: ["a"] });
});

Deno.test("a reducer that answers undefined clears its field", async () => {
  const { state } = await definePipeline({
    name: "cleared",
    state: unchecked<{ total?: number }>(),
    reducers: {
      total: (_total: number | undefined, _add: number): number | undefined => undefined,
    },
    nodes: { one: (_state) => ({ total: 1 }) },
    start: "one",
    edges: { one: END },
  }).invoke({ total: 1 });
  assertEquals(Object.keys(state), []);
});

Deno.test("a field may have any name, also one that every object knows", async () => {
  const names = ["__proto__", "constructor", "toString", "hasOwnProperty", "then", "", "0", "a b"];
  const fieldsOf = <T>(value: (name: string) => T) =>
    Object.fromEntries(names.map((name) => [name, value(name)]));
  const pipeline = definePipeline({
    name: "names",
    state: unchecked<{ [field: string]: unknown }>(),
    reducers: fieldsOf(() => (list: unknown, item: unknown) => [list, item]),
    nodes: {
      first: () => fieldsOf((name) => `${name} first`),
      ask: () => pause("go on?"),
      sent: (state) => {
        assertEquals(Object.keys(state).length, names.length + 1);
        assertEquals(Object.getPrototypeOf(state), Object.prototype);
        return { seen: names.map((name) => state[name]) };
      },
    },
    start: "first",
    edges: { first: "ask", ask: send("sent", { ...fieldsOf(() => "sent"), mark: 1 }), sent: END },
  }, { checkpointer: new MemoryCheckpointer() });
  await pipeline.invoke(fieldsOf(() => "input"), { runId: "r" });
  const { state } = expectStatus(await pipeline.resume("r", { approvePause: true }), "completed");
  const seen = names.map((name) => ["input", `${name} first`]);
  assertEquals(names.map((name) => state[name]), seen);
  assertEquals(Object.keys(state).sort(), [...names, "seen"].sort());
  assertEquals(state.seen, seen.map((list) => [list, "sent"]));
});

Deno.test("a field with such a name that was never set is undefined, and data once it is", async () => {
  const told: unknown[] = [];
  const reducer = (current: unknown, item: unknown) => {
    told.push(current);
    return item;
  };
  const names = ["__proto__", "constructor", "toString"];
  const fields = Object.fromEntries(names.map((name) => [name, { name }]));
  for (const reducers of [{}, Object.fromEntries(names.map((name) => [name, reducer]))]) {
    const { state } = await definePipeline({
      name: "names",
      state: unchecked<{ [field: string]: unknown }>(),
      reducers,
      nodes: { one: () => fields },
      start: "one",
      edges: { one: END },
    }).invoke({});
    assertEquals(Object.entries(state), Object.entries(fields));
    assertEquals(Object.getPrototypeOf(state), Object.prototype);
  }
  assertEquals(told, [undefined, undefined, undefined]);
});
