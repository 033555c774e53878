import { assertEquals } from "@std/assert";
import {
  append,
  definePipeline,
  END,
  extend,
  merge,
  pause,
  type RunResult,
  send,
  unchecked,
} from "../mod.ts";

interface Draft {
  text: string;
  score: number;
  log: string[];
  tags: string[];
  meta: { author: string; words: number };
  status: "open" | "done";
}

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

/** Compiles only if both types are the very same. */
function sameType<A, B>(_proof: Same<A, B>): void {}

/** What the definitions below have in common. */
const common = {
  name: "drafts",
  state: unchecked<Draft>(),
  start: "write",
  edges: { write: END },
} as const;

Deno.test("a reducer for no field does not compile", () => {
  definePipeline({
    name: "drafts",
    state: unchecked<Draft>(),
    // @ts-expect-error the state has no field "history"
    reducers: { history: append },
    nodes: { write: () => {} },
    start: "write",
    edges: { write: END },
  });
});

Deno.test("a reducer that does not fit its field does not compile", () => {
  definePipeline({
    name: "drafts",
    state: unchecked<Draft>(),
    // @ts-expect-error score is no list
    reducers: { score: append },
    nodes: { write: () => {} },
    start: "write",
    edges: { write: END },
  });
});

Deno.test("a field without a reducer takes a new value of its own type", () => {
  definePipeline({
    ...common,
    // @ts-expect-error score is a number
    nodes: { write: () => ({ score: "high" }) },
  });
  definePipeline({
    ...common,
    // @ts-expect-error async nodes are checked too
    nodes: { write: async () => ({ score: await Promise.resolve("high") }) },
  });
  definePipeline({
    ...common,
    // @ts-expect-error and so are nodes with options
    nodes: { write: { run: () => ({ score: "high" }), timeoutMs: 10 } },
  });
  definePipeline({ ...common, nodes: { write: (state) => ({ score: state.score + 1 }) } });
});

Deno.test("append takes one item, extend many, merge a part", () => {
  definePipeline({
    ...common,
    reducers: { log: append },
    // @ts-expect-error append takes one item
    nodes: { write: (state) => ({ log: [state.text] }) },
  });
  definePipeline({
    ...common,
    reducers: { tags: extend },
    // @ts-expect-error extend takes many items
    nodes: { write: (state) => ({ tags: state.text }) },
  });
  definePipeline({
    ...common,
    reducers: { meta: merge },
    // @ts-expect-error merge takes properties of the object
    nodes: { write: (state) => ({ meta: { words: state.text } }) },
  });
  definePipeline({
    ...common,
    reducers: { log: append, tags: extend, meta: merge },
    nodes: {
      write: (state) => ({ log: state.text, tags: [state.text], meta: { words: state.score } }),
    },
  });
});

Deno.test("a node without parameters may return what a reducer or a field takes", async () => {
  const { state } = await definePipeline({
    ...common,
    reducers: { log: append, tags: extend, meta: merge },
    nodes: {
      write: () => ({ log: "a", tags: ["b"], meta: { words: 1 }, score: 1 }),
      check: async () => await Promise.resolve({ log: "c" }),
      publish: { run: () => ({ tags: [], status: "done" }) },
    },
    edges: { write: "check", check: (_state) => send("publish", { log: "d" }), publish: END },
  }).invoke({});
  sameType<typeof state.log, string[]>(true);
  assertEquals([state.log, state.tags, state.status], [["a", "c"], ["b"], "done"]);
});

Deno.test("a reducer of one's own says what its field takes", () => {
  const total = (score: number, { add }: { add: number }) => score + add;
  definePipeline({
    ...common,
    reducers: { score: total },
    // @ts-expect-error the reducer takes { add }
    nodes: { write: (state) => ({ score: state.score }) },
  });
  definePipeline({
    ...common,
    reducers: { score: total },
    nodes: { write: (state) => ({ score: { add: state.score } }) },
  });
});

Deno.test("an update with only unknown fields does not compile", () => {
  definePipeline({
    ...common,
    // @ts-expect-error the state has no field "scoer"
    nodes: { write: () => ({ scoer: 1 }) },
  });
  definePipeline({
    ...common,
    // @ts-expect-error an edge answers with sends, a node does not
    nodes: { write: () => send("write", {}) },
  });
});

Deno.test("a send whose payload does not fit the state does not compile", () => {
  const nodes = { write: () => {}, check: () => {} };
  definePipeline({
    ...common,
    nodes,
    edges: {
      // @ts-expect-error score is a number
      write: () => send("check", { score: "high" }),
      check: END,
    },
  });
  definePipeline({
    ...common,
    reducers: { log: append },
    nodes,
    // @ts-expect-error append takes one item
    edges: { write: () => send("check", { log: ["a", "b"] }), check: END },
  });
  definePipeline({
    ...common,
    reducers: { log: append },
    nodes,
    edges: {
      // @ts-expect-error append takes one item
      write: { route: () => send("check", { log: ["a", "b"] }), to: ["check"] },
      check: END,
    },
  });
});

Deno.test("what invoke, resume and stream are given is checked against the pipeline", () => {
  const drafts = definePipeline({
    ...common,
    reducers: { log: append },
    nodes: { write: () => {} },
  });
  const calls = () => [
    // @ts-expect-error score is a number
    drafts.invoke({ score: "high" }),
    // @ts-expect-error "wirte" is no node
    drafts.invoke({}, { startAt: "wirte" }),
    // @ts-expect-error append takes one item
    drafts.resume("r", { update: { log: ["a"] } }),
    // @ts-expect-error the state has no field "scoer"
    drafts.resume("r", { update: { scoer: 1 } }),
    // @ts-expect-error "wirte" is no node
    drafts.stream({ input: {}, startAt: "wirte" }),
    // @ts-expect-error a stream starts a run or goes on with one
    drafts.stream({ input: {}, resume: "r" }),
    drafts.resume("r", { update: { log: "a" } }),
  ];
  assertEquals(typeof calls, "function");
});

Deno.test("state and context are inferred in nodes, edges and routes", async () => {
  const drafts = definePipeline({
    ...common,
    reducers: { log: append, tags: extend, meta: merge },
    nodes: {
      write: (state, { visit, signal, taskId }) => {
        sameType<typeof state, Readonly<Draft>>(true);
        sameType<[typeof visit, typeof signal, typeof taskId], [number, AbortSignal, string]>(true);
        return { text: state.text + "!", log: "written", tags: ["a"], meta: { words: 1 } };
      },
      check: {
        run: async (state) => {
          sameType<typeof state, Readonly<Draft>>(true);
          return state.score > 1 ? pause("good?") : await Promise.resolve({ score: 1 });
        },
        retry: { attempts: 2 },
      },
      publish: (state) => {
        if (state.score > 1) return { log: "published" };
      },
    },
    edges: {
      write: (state) => {
        sameType<typeof state, Readonly<Draft>>(true);
        return "check";
      },
      check: {
        route: (state) => {
          sameType<typeof state, Readonly<Draft>>(true);
          return state.score > 1 ? "yes" : "no";
        },
        to: { yes: "write", no: "publish" },
      },
      publish: END,
    },
  });
  const meta = { author: "ana", words: 0 };
  const result = await drafts.invoke({ text: "a", score: 0, meta });
  sameType<typeof result, RunResult<Draft>>(true);
  assertEquals<unknown>(result.state, {
    text: "a!",
    score: 1,
    log: ["written"],
    tags: ["a"],
    meta: { author: "ana", words: 1 },
  });
});

Deno.test("a result tells its own fields by its status", () => {
  const read = (result: RunResult<Draft>) => {
    // @ts-expect-error only a paused run has pauses
    const pauses: unknown = result.pauses;
    if (result.status === "paused") return result.pauses.map(({ reason }) => reason);
    if (result.status === "failed") return [result.failedNode, pauses];
    return [result.state.text];
  };
  const base = { runId: "r", completedNodes: [] };
  const meta = { author: "ana", words: 1 };
  const state: Draft = { text: "a", score: 0, log: [], tags: [], meta, status: "open" };
  assertEquals(read({ ...base, state, status: "completed" }), ["a"]);
});
