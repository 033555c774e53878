import { assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import {
  append,
  type Checkpointer,
  definePipeline,
  END,
  MemoryCheckpointer,
  send,
  unchecked,
} from "../mod.ts";
import { expectStatus, turns, untyped, watch } from "./engine_probes.ts";

interface Work {
  item: number;
  results: string[];
  total: number;
}

/** Sends four items to workers; what they do is handed in. */
function workers(
  work: (item: number) => string | Promise<string>,
  checkpointer?: Checkpointer,
) {
  return definePipeline({
    name: "workers",
    state: unchecked<Work>(),
    reducers: { results: append },
    nodes: {
      split: () => {},
      worker: async (state) => ({ results: await work(state.item) }),
      join: () => ({ total: 4 }),
    },
    start: "split",
    edges: {
      split: (_state) => [0, 1, 2, 3].map((item) => send("worker", { item })),
      worker: "join",
      join: END,
    },
  }, { checkpointer });
}

Deno.test("what a node throws is the result's error, the very value", async () => {
  const thrown = [new RangeError("no"), "a string", undefined, null, 0, { code: 7 }, Symbol("s")];
  for (const [index, value] of thrown.entries()) {
    const store = watch();
    const pipeline = definePipeline({
      name: "throws",
      state: unchecked<Work>(),
      nodes: {
        one: () => {
          if (index % 2 === 0) throw value;
          return Promise.reject(value);
        },
        two: () => {},
      },
      start: "one",
      edges: { one: "two", two: END },
    }, { checkpointer: store });
    const result = expectStatus(await pipeline.invoke({ total: 1 }), "failed");
    assertStrictEquals(result.error, value);
    assertEquals(result.failedNode, "one");
    assertEquals(result.failures, [{ node: "one", visit: 1, error: value }]);
    assertEquals(result.state.total, 1);
    assertEquals(result.completedNodes, []);
    assertEquals(store.records.at(-1)?.status, "failed");
  }
});

Deno.test("the failed record says where and what, as plain data", async () => {
  const store = watch();
  const thrown = [new RangeError("too far"), "a string", undefined, { code: 7 }];
  const pipeline = workers((item) => {
    throw thrown[item];
  }, store);
  await pipeline.invoke({});
  const failures = store.records.at(-1)?.failures ?? [];
  assertEquals(failures.map(({ node, visit }) => [node, visit]), [
    ["worker", 1],
    ["worker", 2],
    ["worker", 3],
    ["worker", 4],
  ]);
  assertEquals(failures.map(({ error: { name, message } }) => [name, message]), [
    ["RangeError", "too far"],
    ["string", "a string"],
    ["undefined", "undefined"],
    ["object", "[object Object]"],
  ]);
  assertEquals(failures.map(({ error }) => error.stack !== undefined), [true, false, false, false]);
  assertEquals(JSON.parse(JSON.stringify(failures)), failures);
});

Deno.test("a thrown value that cannot be shown as text fails the run like any other", async () => {
  const unshowable = {
    toString() {
      throw new Error("no text");
    },
  };
  for (const thrown of [Object.create(null), unshowable]) {
    const pipeline = workers(() => {
      throw thrown;
    }, new MemoryCheckpointer());
    assertStrictEquals(expectStatus(await pipeline.invoke({}), "failed").error, thrown);
  }
});

Deno.test("siblings of a failing task finish, and all failures come in task order", async () => {
  const done: number[] = [];
  const pipeline = workers(async (item) => {
    await turns(40 - item * 10);
    if (item % 2 === 1) throw new Error(`item ${item}`);
    done.push(item);
    return `${item}`;
  });
  const result = expectStatus(await pipeline.invoke({}), "failed");
  assertEquals(done, [2, 0]);
  assertEquals(
    result.failures.map(({ node, visit, error }) => `${node} ${visit} ${error}`),
    ["worker 2 Error: item 1", "worker 4 Error: item 3"],
  );
  assertStrictEquals(result.error, result.failures[0]?.error);
  assertEquals(result.failedNode, "worker");
  assertEquals(result.completedNodes, ["split"]);
  assertEquals(result.state, await pipeline.invoke({}).then(({ state }) => state));
});

Deno.test("resume runs only the tasks that failed, and folds all in task order", async () => {
  const store = new MemoryCheckpointer();
  const failing = workers((item) => {
    if (item === 0 || item === 2) throw new Error(`item ${item}`);
    return `${item}`;
  }, store);
  const failed = expectStatus(await failing.invoke({}, { runId: "r" }), "failed");
  assertEquals(failed.failures.length, 2);
  const calls: number[] = [];
  const half = workers((item) => {
    calls.push(item);
    if (item === 2) throw new Error("still not");
    return `${item} again`;
  }, store);
  assertEquals(expectStatus(await half.resume("r"), "failed").failures.length, 1);
  const mended = workers((item) => {
    calls.push(item);
    return `${item} at last`;
  }, store);
  const { state, completedNodes } = expectStatus(await mended.resume("r"), "completed");
  assertEquals(calls, [0, 2, 2]);
  assertEquals<unknown>(state, { results: ["0 again", "1", "2 at last", "3"], total: 4 });
  assertEquals(completedNodes, ["split", "worker", "worker", "worker", "worker", "join"]);
});

Deno.test("a payload that a reducer cannot fold fails its own task alone", async () => {
  const ran: number[] = [];
  const pipeline = definePipeline({
    name: "payloads",
    state: unchecked<Work>(),
    reducers: {
      item: (_current: number, item: number) => {
        if (item === 1) throw new Error("cannot fold");
        return item;
      },
    },
    nodes: {
      split: () => {},
      worker: (state) => {
        ran.push(state.item);
      },
    },
    start: "split",
    edges: { split: [0, 1, 2].map((item) => send("worker", { item })), worker: END },
  });
  const { failures } = expectStatus(await pipeline.invoke({}), "failed");
  assertEquals(failures.map(({ visit, error }) => `${visit} ${error}`), ["2 Error: cannot fold"]);
  assertEquals(ran, [0, 2]);
});

Deno.test("a node may return nothing, null or an update, and nothing else", async () => {
  const answers: [answer: unknown, isGood: boolean][] = [
    [undefined, true],
    [null, true],
    [{}, true],
    [7, false],
    ["two", false],
    [[{ total: 1 }], false],
    [new Map(), false],
    [END, false],
    [() => {}, false],
  ];
  for (const [answer, isGood] of answers) {
    const pipeline = definePipeline({
      name: "answers",
      state: unchecked<Work>(),
      nodes: { one: () => untyped<Partial<Work>>(answer) },
      start: "one",
      edges: { one: END },
    });
    const result = await pipeline.invoke({ total: 5 });
    assertEquals(result.status, isGood ? "completed" : "failed");
    assertEquals(result.state.total, 5);
    if (result.status !== "failed") continue;
    assertInstanceOf(result.error, TypeError);
    assertEquals(
      result.error.message,
      'Cannot use what node "one" of pipeline "answers" returned: it must be an object with the ' +
        "fields to update, pause(...), or nothing",
    );
  }
});

/** A node whose update goes through a reducer, alone in its step or beside another one. */
function totals(
  add: (total: number, update: number) => number,
  calls: string[],
  isAlone: boolean,
  checkpointer: Checkpointer,
) {
  return definePipeline({
    name: "totals",
    state: unchecked<Work>(),
    reducers: { total: add },
    nodes: {
      split: () => {},
      count: (state) => {
        calls.push("count");
        return { total: (state.item ?? 0) + 1 };
      },
      other: (_state) => {
        calls.push("other");
        return { item: 1 };
      },
    },
    start: "split",
    edges: { split: isAlone ? "count" : ["other", "count"], count: END, other: END },
  }, { checkpointer });
}

for (const isAlone of [true, false]) {
  const where = isAlone ? "alone in its step" : "in a fan-out";
  Deno.test(`a reducer that throws fails the run, ${where}; no node runs again for it`, async () => {
    const store = new MemoryCheckpointer();
    const error = new Error("cannot add");
    const calls: string[] = [];
    const failing = totals(
      () => {
        throw error;
      },
      calls,
      isAlone,
      store,
    );
    const failed = expectStatus(await failing.invoke({ total: 1 }, { runId: "r" }), "failed");
    assertStrictEquals(failed.error, error);
    assertEquals(failed.failedNode, "count");
    assertEquals<unknown>(failed.state, { total: 1 }, "nothing of the step is folded in");
    assertEquals(failed.completedNodes, ["split"]);
    const mended = totals((total, update) => total + update, calls, isAlone, store);
    const result = expectStatus(await mended.resume("r"), "completed");
    assertEquals(result.state.total, 2);
    assertEquals(calls, isAlone ? ["count"] : ["other", "count"]);
  });
}
