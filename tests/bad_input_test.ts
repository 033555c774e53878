import {
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { z } from "zod";
import { append, definePipeline, END, MemoryCheckpointer, send, unchecked } from "../mod.ts";
import { untyped } from "./engine_probes.ts";

interface Work {
  count: number;
  log: string[];
}

/** A good definition with the given parts put in place of its own, as plain JavaScript may. */
function define(parts: object, options: object = {}) {
  return definePipeline({
    name: "factory",
    state: unchecked<Work>(),
    nodes: { build: () => {}, test: () => {} },
    start: "build",
    edges: { build: "test", test: END },
    ...parts,
  }, options);
}

/** A definition whose first edge is the given one. */
function edge(build: unknown): object {
  return { edges: { build, test: END } };
}

/** A definition whose first node is the given one. */
function node(build: unknown): object {
  return { nodes: { build, test: () => {} } };
}

type Refusal = readonly [what: string, parts: object, words: readonly string[]];

const nodes = ['"build", "test"'];

const refused: readonly Refusal[] = [
  ["no name", { name: "" }, ["name"]],
  ["a name that is no string", { name: 7 }, ["name"]],
  ["an unknown start", { start: "deploy" }, ["start", '"deploy"', ...nodes]],
  ["no start", { start: undefined }, ["start", ...nodes]],
  ["no node at all", { nodes: {}, edges: {} }, ["start", '"build"']],
  ["a missing edge", { edges: { build: "test" } }, ['"test"', "edge", "END"]],
  [
    "an edge of what is no node",
    { edges: { build: "test", test: END, tset: END } },
    ["edges", '"tset"', ...nodes],
  ],
  ["an unknown target", edge("deploy"), ['node "build"', '"deploy"', ...nodes]],
  ["an unknown target in a list", edge(["test", "deploy"]), ['"build"', '"deploy"', ...nodes]],
  ["an unknown target of a send", edge(send("deploy", {})), ['"build"', '"deploy"', ...nodes]],
  [
    "an unknown target of a branch",
    edge({ route: () => "yes", to: { yes: "deploy", no: END } }),
    ['"build"', '"deploy"', ...nodes],
  ],
  [
    "an unknown target among those of a route",
    edge({ route: () => "test", to: ["test", "deploy"] }),
    ['"build"', '"deploy"', ...nodes],
  ],
  ["a target that is nothing", edge(undefined), ['"build"', "undefined"]],
  ["a target that is null", edge(null), ['"build"', "null"]],
  ["a route without targets", edge({ route: () => "test" }), ['"build"']],
  ["targets without a route", edge({ to: ["test"] }), ['"build"']],
  ["a payload that is no object", edge(send("test", untyped<object>(7))), ['"test"', "payload"]],
  ["a node with an empty name", { nodes: { "": () => {} } }, ["empty name"]],
  ["a node with a reserved name", { nodes: { "__start__": () => {} } }, ['"__start__"']],
  ["another reserved name", { nodes: { "__resume__": () => {} } }, ['"__resume__"']],
  ["a third reserved name", { nodes: { "__cancel__": () => {} } }, ['"__cancel__"']],
  ["a node that is no function", node("build it"), ['"build"', "function"]],
  ["a node that is nothing", node(undefined), ['"build"', "function"]],
  ["a node without run", node({ retry: { attempts: 2 } }), ['"build"', '"run"']],
  ["an unknown node option", node({ run: () => {}, retries: 3 }), ['"build"', '"retries"']],
  [
    "an unknown retry option",
    node({ run: () => {}, retry: { attempts: 3, delay: 5 } }),
    ['"build"', '"delay"', '"delayMs"'],
  ],
  [
    "a retryOn that is no function",
    node({ run: () => {}, retry: { attempts: 2, retryOn: true } }),
    ['"build"', "retryOn", "function"],
  ],
  ["an onError that is no node", node({ run: () => {}, onError: "deploy" }), [
    "onError",
    '"build"',
    '"deploy"',
    ...nodes,
  ]],
  ["an onError that is no name", node({ run: () => {}, onError: 7 }), ["onError", '"build"', "7"]],
  ["an onError that is the node itself", node({ run: () => {}, onError: "build" }), [
    "onError",
    '"build"',
    "retry",
  ]],
  [
    "an onError that may be a node or not",
    {
      nodes: { build: { run: () => {}, onError: "fail" }, fail: () => {} },
      edges: { build: END, fail: END },
    },
    ["onError", '"fail"', "another name"],
  ],
  ["a retry that is nothing", node({ run: () => {}, retry: null }), ['"build"', "retry"]],
  ["a reducer that is no function", { reducers: { log: "append" } }, ['"log"', "function"]],
  [
    "a reducer for no field of the schema",
    { state: z.object({ count: z.number(), log: z.array(z.string()) }), reducers: { lgo: append } },
    ['"lgo"', '"count", "log"'],
  ],
  ["no schema", { state: undefined }, ["state", "Standard Schema"]],
  ["a schema that is none", { state: { count: 0 } }, ["state", "Standard Schema"]],
  ["no nodes", { nodes: undefined }, ["nodes"]],
  ["no edges", { edges: undefined }, ["edges"]],
];

for (const [what, parts, words] of refused) {
  Deno.test(`a definition with ${what} is refused by name`, () => {
    const { message } = assertThrows(() => define(parts), TypeError);
    for (const word of words) assertStringIncludes(message, word);
    if (!("name" in parts)) assertStringIncludes(message, '"factory"');
  });
}

const bad = () => {};

const outOfRange: readonly (readonly [what: string, parts: object, options: object])[] = [
  ...[0, -1, NaN, "25", null].map((recursionLimit) =>
    ["recursionLimit", {}, { recursionLimit }] as const
  ),
  ...[0, -1, NaN, "64"].map((concurrency) => ["concurrency", {}, { concurrency }] as const),
  ...[0, -1, NaN, undefined, "3"].map((attempts) =>
    ["retry.attempts", node({ run: bad, retry: { attempts } }), {}] as const
  ),
  ...[-1, NaN, "200"].map((delayMs) =>
    ["retry.delayMs", node({ run: bad, retry: { attempts: 2, delayMs } }), {}] as const
  ),
  ...[0, 0.5, -1, NaN, "2"].map((factor) =>
    ["retry.factor", node({ run: bad, retry: { attempts: 2, factor } }), {}] as const
  ),
  ...[-1, NaN, "200"].map((maxDelayMs) =>
    ["retry.maxDelayMs", node({ run: bad, retry: { attempts: 2, maxDelayMs } }), {}] as const
  ),
  ...[-0.1, 1.1, NaN, "1"].map((jitter) =>
    ["retry.jitter", node({ run: bad, retry: { attempts: 2, jitter } }), {}] as const
  ),
  ...[0, -1, NaN, "30"].map((timeoutMs) =>
    ["timeoutMs", node({ run: bad, timeoutMs }), {}] as const
  ),
];

Deno.test("an option out of its range is refused with its name and value", () => {
  for (const [what, parts, options] of outOfRange) {
    const { message } = assertThrows(() => define(parts, options), RangeError);
    assertStringIncludes(message, what);
    assertStringIncludes(message, '"factory"');
    if (what !== "recursionLimit" && what !== "concurrency") {
      assertStringIncludes(message, '"build"');
    }
  }
  const { message } = assertThrows(() => define({}, { concurrency: -7 }), RangeError);
  assertStringIncludes(message, "-7");
});

Deno.test("an option that a pipeline does not have is refused by name", () => {
  const { message } = assertThrows(
    () => define({}, { checkpointr: new MemoryCheckpointer() }),
    TypeError,
  );
  for (const word of ['"checkpointr"', '"factory"', '"checkpointer"']) {
    assertStringIncludes(message, word);
  }
});

Deno.test("a handler or an observer that is no function is refused by name", () => {
  for (const options of [{ onEvent: console }, { observe: {} }]) {
    const { message } = assertThrows(() => define({}, options), TypeError);
    for (const word of [...Object.keys(options), '"factory"', "function"]) {
      assertStringIncludes(message, word);
    }
  }
});

Deno.test("a stream of neither an input nor a run, or of both, is refused by name", () => {
  const pipeline = define({}, { checkpointer: new MemoryCheckpointer() });
  for (const request of [{}, { input: {}, resume: "r" }, { runId: "r" }]) {
    const { message } = assertThrows(() => pipeline.stream(untyped(request)), TypeError);
    for (const word of ['"factory"', "input", "resume"]) assertStringIncludes(message, word);
  }
});

Deno.test("options of a stream that make no sense are refused by name", () => {
  const pipeline = define({});
  const onCancel = untyped<"detach">("leave");
  const { message } = assertThrows(() => pipeline.stream({ input: {}, onCancel }), TypeError);
  for (const word of ['"factory"', '"leave"', '"cancel"', '"detach"']) {
    assertStringIncludes(message, word);
  }
  for (const highWaterMark of [0, -1, NaN, untyped<number>("64")]) {
    const { message } = assertThrows(
      () => pipeline.stream({ input: {}, highWaterMark }),
      RangeError,
    );
    for (const word of ['"factory"', "highWaterMark"]) assertStringIncludes(message, word);
  }
});

Deno.test("options at the edge of their ranges are taken", () => {
  define({}, { recursionLimit: 1, concurrency: 1 });
  define({}, { recursionLimit: Infinity, concurrency: Infinity });
  define(node({ run: bad, retry: { attempts: 1, delayMs: 0 }, timeoutMs: 1 }));
  const widest = { attempts: Infinity, delayMs: Infinity, maxDelayMs: Infinity, factor: Infinity };
  define(node({ run: bad, retry: { ...widest, jitter: 1 }, timeoutMs: Infinity }));
  define(node({ run: bad, retry: { attempts: 2, factor: 1, maxDelayMs: 0, jitter: 0 } }));
});

Deno.test("a start that is no node is refused when a run starts, before anything is saved", async () => {
  const store = new MemoryCheckpointer();
  const pipeline = define({}, { checkpointer: store });
  const startAt = untyped<"build">("deploy");
  const error = await assertRejects(
    () => pipeline.invoke({}, { startAt, runId: "r" }),
    TypeError,
  );
  for (const word of ["startAt", '"deploy"', '"r"', '"factory"', '"build", "test"']) {
    assertStringIncludes(error.message, word);
  }
  assertEquals(await store.loadLatest("factory", "r"), undefined);
});

Deno.test("a run id must be a text with something in it", async () => {
  const pipeline = define({}, { checkpointer: new MemoryCheckpointer() });
  for (const runId of ["", 7, null]) {
    const calls = [
      () => pipeline.invoke({}, { runId: untyped<string>(runId) }),
      () => pipeline.resume(untyped<string>(runId)),
    ];
    for (const call of calls) {
      const error = await assertRejects(call, TypeError);
      for (const word of ['"factory"', "non-empty string"]) {
        assertStringIncludes(error.message, word);
      }
    }
  }
});

Deno.test("an input that is no object is refused by name, before anything is saved", async () => {
  const store = new MemoryCheckpointer();
  const pipeline = define({}, { checkpointer: store });
  const inputs: [input: unknown, shown: string][] = [
    [undefined, "undefined"],
    [null, "null"],
    [7, "number"],
    ["text", "string"],
    [[1], "array"],
  ];
  for (const [input, shown] of inputs) {
    const error = await assertRejects(
      () => pipeline.invoke(untyped<Work>(input), { runId: "r" }),
      TypeError,
    );
    for (const word of ['"factory"', shown]) assertStringIncludes(error.message, word);
  }
  assertEquals(await store.loadLatest("factory", "r"), undefined);
});

Deno.test("what a schema throws comes through, and nothing is saved", async () => {
  const store = new MemoryCheckpointer();
  const boom = new Error("the schema is broken");
  const state = z.object({ count: z.number() }).transform((): Work => {
    throw boom;
  });
  const pipeline = define({ state }, { checkpointer: store });
  const error = await assertRejects(() => pipeline.invoke({ count: 1 }, { runId: "r" }));
  assertEquals(error, boom);
  assertEquals(await store.loadLatest("factory", "r"), undefined);
});

Deno.test("bad use of a call rejects, it does not throw at once", async () => {
  const pipeline = define({});
  const promises = [pipeline.resume("r"), pipeline.invoke({}, { runId: "" })];
  for (const promise of promises) {
    assertInstanceOf(await promise.catch((error) => error), TypeError);
  }
});

Deno.test("an option that a call does not have is refused, whichever call it is", async () => {
  const pipeline = define({}, { checkpointer: new MemoryCheckpointer() });
  await pipeline.invoke({}, { runId: "r" });
  const misspelt: { readonly [Call in string]: () => unknown } = {
    invoke: () => pipeline.invoke({}, untyped({ runid: "x" })),
    resume: () => pipeline.resume("r", untyped({ approvedPause: true })),
    recover: () => pipeline.recover(untyped({ most: 1 })),
    reject: () => pipeline.reject("r", untyped({ pause: "a#1" })),
    fork: () => pipeline.fork("r", untyped({ sequence: 0, at: 1 })),
    cancel: () => pipeline.cancel("r", untyped({ who: "ana" })),
    prune: () => pipeline.prune(untyped({ olderThanMs: 0, keeplast: 5 })),
    listRuns: () => Array.fromAsync(pipeline.listRuns(untyped({ state: "paused" }))),
    stream: () => pipeline.stream(untyped({ input: {}, onClose: "detach" })),
    streamStored: () => pipeline.stream(untyped({ resume: "r", runId: "x" })),
  };
  for (const [call, make] of Object.entries(misspelt)) {
    // Some calls throw at once.
    const error = await assertRejects(async () => await make(), TypeError, "there is no option");
    assertStringIncludes(error.message, "the options are", call);
  }
  assertEquals(
    (await pipeline.resume("r")).status,
    "completed",
    "something was pruned or cancelled",
  );
});
