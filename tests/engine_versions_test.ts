import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { z } from "zod";
import {
  append,
  applyChange,
  type Checkpointer,
  definePipeline,
  END,
  MemoryCheckpointer,
  type Migration,
  MigrationError,
  type Migrations,
  pause,
  PipelineVersionError,
  RunPausedError,
  send,
  unchecked,
  UnknownNodeError,
} from "../mod.ts";
import { expectStatus, untyped, watch, type WatchedCheckpointer } from "./engine_probes.ts";

interface Order1 {
  readonly name: string;
  readonly price: number;
}

interface Order2 {
  readonly firstName: string;
  readonly price: number;
}

interface Order3 {
  readonly firstName: string;
  readonly cents: bigint;
  readonly log: readonly string[];
}

/** Pauses, and completes with a state of the first version. */
function ordersV1(checkpointer: Checkpointer) {
  return definePipeline({
    name: "orders",
    state: unchecked<Order1>(),
    nodes: { ask: () => pause("ship?"), ship: (state) => ({ price: state.price + 1 }) },
    start: "ask",
    edges: { ask: "ship", ship: END },
  }, { checkpointer });
}

function ordersV3(checkpointer: Checkpointer, migrate: Migrations) {
  return definePipeline({
    name: "orders",
    version: 3,
    migrate,
    state: unchecked<Order3>(),
    reducers: { log: append },
    nodes: { ask: () => pause("ship?"), ship: (state) => ({ log: `${state.cents} cents` }) },
    start: "ask",
    edges: { ask: "ship", ship: END },
  }, { checkpointer });
}

function toOrder2({ name, price }: Order1): Order2 {
  return { firstName: name, price };
}

function toOrder3({ firstName, price }: Order2): Order3 {
  return { firstName, cents: BigInt(price * 100), log: [] };
}

const YES = { approvePause: true } as const;

/** Asserts that each change leads from the record before to the one that it came with. */
function assertChanges({ records, changes }: WatchedCheckpointer): void {
  for (const [index, record] of records.entries()) {
    const [previous, change] = [records[index - 1], changes[index]];
    if (previous === undefined) continue;
    assert(change !== undefined, `checkpoint ${record.sequence} came without its change`);
    const folded = applyChange(previous, record, change);
    assertEquals(JSON.parse(JSON.stringify(folded)), JSON.parse(JSON.stringify(record)));
  }
}

Deno.test("a run of an older version is migrated step by step, once, and stored so by the claim", async () => {
  const store = watch();
  await ordersV1(store).invoke({ name: "Ana", price: 2 }, { runId: "r" });
  const called: string[] = [];
  const orders = ordersV3(store, {
    1: (state: Order1) => {
      called.push("1 to 2");
      return toOrder2(state);
    },
    2: async (state: Order2) => {
      called.push("2 to 3");
      return await Promise.resolve(toOrder3(state));
    },
  });
  const result = expectStatus(await orders.resume("r", YES), "completed");
  assertEquals(result.state, { firstName: "Ana", cents: 200n, log: ["200 cents"] });
  assertEquals(called, ["1 to 2", "2 to 3"]);
  const claim = store.records.findIndex(({ nodeId }) => nodeId === "__resume__");
  assertEquals(
    store.records.map(({ pipelineVersion }) => pipelineVersion),
    store.records.map((_, index) => index < claim ? undefined : 3),
  );
  assertEquals(store.records[claim]?.state, {
    firstName: "Ana",
    cents: { $bigint: "200" },
    log: [],
  });
  assertChanges(store);
  await orders.resume("r");
  assertEquals(called.length, 2, "a migrated run was migrated again");
});

Deno.test("a history shows each checkpoint as its version stored it", async () => {
  const store = new MemoryCheckpointer();
  await ordersV1(store).invoke({ name: "Ana", price: 2 }, { runId: "r" });
  const orders = ordersV3(store, { 1: toOrder2, 2: toOrder3 });
  await orders.resume("r", YES);
  const history = (await Array.fromAsync(orders.history("r"))).reverse();
  assertEquals(history.map(({ version }) => version), [1, 1, 3, 3, 3]);
  assertEquals<object | undefined>(history[0]?.state, { name: "Ana", price: 2 });
  assertEquals(history.at(-1)?.state.firstName, "Ana");
});

Deno.test("what a completed run comes back with is migrated, and nothing is stored", async () => {
  const store = watch();
  const old = ordersV1(store);
  await old.invoke({ name: "Ana", price: 2 }, { runId: "r" });
  await old.resume("r", YES);
  const saved = store.records.length;
  const result = await ordersV3(store, { 1: toOrder2, 2: toOrder3 }).resume("r");
  assertEquals(result.state, { firstName: "Ana", cents: 300n, log: [] });
  assertEquals(store.records.length, saved);
});

Deno.test("a run is migrated where it is recovered, rejected or forked, too", async () => {
  const store = new MemoryCheckpointer();
  const migrate = { 1: toOrder2, 2: toOrder3 };
  const orders = ordersV3(store, migrate);
  for (const runId of ["rejected", "forked"]) {
    await ordersV1(store).invoke({ name: "Ana", price: 2 }, { runId });
  }
  assertEquals((await orders.reject("rejected")).state.cents, 200n);
  const fork = await orders.fork("forked", { sequence: 0, runId: "fork" });
  assertEquals(expectStatus(fork, "paused").state.firstName, "Ana");
  assertEquals((await store.loadLatest("orders", "fork"))?.pipelineVersion, 3);
  assertEquals((await store.loadLatest("orders", "forked"))?.pipelineVersion, undefined);

  await ordersV1(store).invoke({ name: "Bo", price: 1 }, { runId: "dead" });
  const latest = await store.loadLatest("orders", "dead");
  assert(latest !== undefined);
  // As a worker leaves it that approved the pause and let go.
  await store.save({
    ...latest,
    sequence: latest.sequence + 1,
    writer: "dead",
    status: "running",
    paused: false,
    pendingEdges: [{ node: "ask", visit: 1 }],
    leaseMs: 0,
  });
  const [recovery] = await orders.recover();
  assertEquals(recovery?.result?.state.log, ["100 cents"]);
});

Deno.test("a run can be cancelled whatever version it is of, and stays of that version", async () => {
  const store = new MemoryCheckpointer();
  await ordersV1(store).invoke({ name: "Ana", price: 2 }, { runId: "old" });
  const broken = () => {
    throw new Error("not yet");
  };
  const orders = ordersV3(store, { 1: broken, 2: broken });
  assertEquals(await orders.cancel("old"), "cancelled");
  const cancelled = await store.loadLatest("orders", "old");
  assertEquals([cancelled?.pipelineVersion, cancelled?.state.name], [undefined, "Ana"]);

  await ordersV3(store, { 2: toOrder3 }).invoke({ firstName: "Bo" }, { runId: "new" });
  assertEquals(await ordersV1(store).cancel("new"), "cancelled");
  assertEquals((await store.loadLatest("orders", "new"))?.pipelineVersion, 3);
});

Deno.test("a run of a newer version is refused, and nothing is stored", async () => {
  const store = watch();
  await ordersV3(store, { 2: toOrder3 }).invoke({ firstName: "Ana" }, { runId: "r" });
  const saved = store.records.length;
  const old = ordersV1(store);
  for (
    const call of [
      () => old.resume("r", YES),
      () => old.resume("r"),
      () => old.reject("r"),
      () => old.fork("r", { sequence: 0 }),
    ]
  ) {
    const error = await assertRejects(call, PipelineVersionError);
    assertEquals([error.storedVersion, error.version, error.pipelineName], [3, 1, "orders"]);
    for (const word of ["version 3", "version 1", '"orders"', "deploy"]) {
      assertStringIncludes(error.message, word);
    }
  }
  assertEquals(store.records.length, saved);
});

Deno.test("a migration that throws, or gives no state, is an error with its cause, and nothing is stored", async () => {
  const store = watch();
  await ordersV1(store).invoke({ name: "Ana", price: 2 }, { runId: "r" });
  const saved = store.records.length;
  const cause = new Error("no rate for 2019");
  const throwing = ordersV3(store, {
    1: toOrder2,
    2: () => {
      throw cause;
    },
  });
  const error = await assertRejects(() => throwing.resume("r", YES), MigrationError);
  assertEquals([error.fromVersion, error.toVersion, error.runId], [2, 3, "r"]);
  assertEquals(error.cause, cause);
  for (const word of ["from version 2 to 3", "no rate for 2019", '"r"', '"orders"']) {
    assertStringIncludes(error.message, word);
  }
  for (const nothing of [undefined, null, 7, "state", []]) {
    const empty = ordersV3(store, { 1: () => untyped<object>(nothing), 2: toOrder3 });
    const refused = await assertRejects(() => empty.reject("r"), MigrationError, "object");
    assertEquals([refused.fromVersion, refused.toVersion], [1, 2]);
  }
  const unstorable = ordersV3(store, { 1: toOrder2, 2: () => ({ log: [() => {}] }) });
  await assertRejects(() => unstorable.resume("r", YES), MigrationError, "state.log[0]");
  assertEquals(store.records.length, saved);
  const mended = ordersV3(store, { 1: toOrder2, 2: toOrder3 });
  expectStatus(await mended.resume("r", YES), "completed");
});

Deno.test("what migrations make is checked by the schema, which fills in defaults", async () => {
  const store = watch();
  const define = (version: number, migration: Migration) =>
    definePipeline({
      name: "checked",
      version,
      migrate: version === 1 ? {} : { 1: migration },
      state: z.object({ count: z.number(), unit: z.string().default("piece") }),
      nodes: { ask: () => pause("sure?") },
      start: "ask",
      edges: { ask: END },
    }, { checkpointer: store });
  await define(1, () => ({})).invoke({ count: 1 }, { runId: "r" });
  const saved = store.records.length;
  const wrong = define(2, () => ({ count: "two" }));
  const error = await assertRejects(() => wrong.resume("r", YES), MigrationError, "count");
  assertEquals([error.fromVersion, error.toVersion], [1, 2]);
  assertInstanceOf(error.cause, Error);
  assertEquals(store.records.length, saved);
  const result = await define(2, () => ({ count: 3 })).resume("r", YES);
  assertEquals(result.state, { count: 3, unit: "piece" });
});

Deno.test("a migration gets data of its own, and may change it", async () => {
  const store = new MemoryCheckpointer();
  await ordersV1(store).invoke({ name: "Ana", price: 2 }, { runId: "r" });
  const orders = ordersV3(store, {
    1: (state) => Object.assign(state, { firstName: "changed in place" }),
    2: toOrder3,
  });
  assertEquals((await orders.reject("r")).state.firstName, "changed in place");
});

Deno.test("a migration that nobody wrote is missed when a run needs it", async () => {
  const store = watch();
  await ordersV1(store).invoke({ name: "Ana", price: 2 }, { runId: "r" });
  const saved = store.records.length;
  const orders = ordersV3(store, { 2: toOrder3 });
  const error = await assertRejects(() => orders.resume("r", YES), MigrationError, "add it");
  assertEquals([error.fromVersion, error.toVersion], [1, 2]);
  await assertRejects(() => orders.resume("r"), MigrationError);
  assertEquals(store.records.length, saved);
});

Deno.test("wrong versions, migrations and names do not become a pipeline", () => {
  const define = (parts: object) => () =>
    definePipeline({
      name: "orders",
      state: unchecked<Order1>(),
      nodes: { ask: () => {}, ship: () => {} },
      start: "ask",
      edges: { ask: "ship", ship: END },
      ...parts,
    });
  const same = (state: object) => state;
  for (const version of [0, -1, 1.5, NaN, Infinity, "2", null]) {
    assertThrows(define({ version }), RangeError, "positive integer");
  }
  const refused: readonly (readonly [parts: object, ...words: readonly string[]])[] = [
    [{ version: 3, migrate: { 1: same } }, "from 2 to 3", "missing"],
    [{ version: 4, migrate: { 1: same, 3: same } }, "from 2 to 3", "missing"],
    [{ version: 2, migrate: { 2: same } }, '"2"', "no version before 2"],
    [{ migrate: { 1: same } }, '"1"', "no version before 1"],
    [{ version: 2, migrate: { one: same } }, '"one"'],
    [{ version: 2, migrate: { 0: same } }, '"0"'],
    [{ version: 2, migrate: { 1: "same" } }, "no function"],
    [{ version: 2, migrate: null }, "migrate", "object"],
    [{ renamed: 7 }, "renamed", "object"],
    [{ renamed: { sent: "shipp" } }, '"shipp"', '"ask", "ship"'],
    [{ renamed: { ask: "ship" } }, '"ask"', "still a node"],
  ];
  for (const [parts, ...words] of refused) {
    const error = assertThrows(define(parts), TypeError);
    for (const word of ['"orders"', ...words]) assertStringIncludes(error.message, word);
  }
  define({ version: 3 })();
  define({ version: 3, migrate: { 2: same } })();
});

/** What is published is approved first; the node's name changes from version to version. */
function papers(checkpointer: Checkpointer, taskIds: string[], isRenamed: boolean) {
  const common = { name: "papers", state: unchecked<{ item: string; log: string[] }>() } as const;
  const work = (state: { readonly item: string }, { taskId }: { readonly taskId: string }) => {
    taskIds.push(taskId);
    if (state.item === "b" && !isRenamed) throw new Error("not yet");
    return { log: `${state.item} done` };
  };
  if (!isRenamed) {
    return definePipeline({
      ...common,
      reducers: { log: append },
      nodes: { split: () => {}, sign: work, ask: () => pause("again?") },
      start: "split",
      edges: {
        split: ["a", "b"].map((item) => send("sign", { item })),
        sign: "ask",
        ask: [send("sign", { item: "c" })],
      },
    }, { checkpointer });
  }
  return definePipeline({
    ...common,
    reducers: { log: append },
    renamed: { sign: "publish", ask: "approve" },
    nodes: { split: () => {}, publish: work, approve: () => pause("again?") },
    start: "split",
    edges: {
      split: ["a", "b"].map((item) => send("publish", { item })),
      publish: (state) => state.log.length < 3 ? "approve" : END,
      approve: [send("publish", { item: "c" })],
    },
  }, { checkpointer });
}

Deno.test("what a run stored of a renamed node goes on under its new name, tasks with their old ids", async () => {
  const store = watch();
  const [before, after]: [string[], string[]] = [[], []];
  const first = await papers(store, before, false).invoke({ item: "", log: [] }, { runId: "r" });
  expectStatus(first, "failed");
  const renamed = papers(store, after, true);
  const paused = expectStatus(await renamed.resume("r"), "paused");
  assertEquals(after, ["papers/r/sign/2"], "a task has lost its idempotency key");
  assertEquals(before.toSorted(), ["papers/r/sign/1", "papers/r/sign/2"]);
  assertEquals(paused.completedNodes, ["split", "publish", "publish", "approve"]);
  const done = expectStatus(await renamed.resume("r", YES), "completed");
  assertEquals(done.state.log, ["a done", "b done", "c done"]);
  assertChanges(store);
  assertEquals(after.at(-1), "papers/r/publish/3", "visits do not count on");
});

Deno.test("a pause of a renamed node is approved by the id that was handed out", async () => {
  const store = watch();
  const old = definePipeline({
    name: "asking",
    state: unchecked<{ done: boolean }>(),
    nodes: { ask: () => pause("sure?"), act: () => ({ done: true }) },
    start: "ask",
    edges: { ask: "act", act: END },
  }, { checkpointer: store });
  await old.invoke({ done: false }, { runId: "r" });
  const renamed = definePipeline({
    name: "asking",
    renamed: { ask: "approval", act: "deploy" },
    state: unchecked<{ done: boolean }>(),
    nodes: { approval: () => pause("sure?"), deploy: () => ({ done: true }) },
    start: "approval",
    edges: { approval: "deploy", deploy: END },
  }, { checkpointer: store });
  const error = await assertRejects(() => renamed.resume("r"), RunPausedError);
  assertEquals(error.pauses.map(({ id, node }) => [id, node]), [["ask#1", "approval"]]);
  const result = await renamed.resume("r", { ...YES, pauseId: "ask#1" });
  assertEquals(expectStatus(result, "completed").completedNodes, ["approval", "deploy"]);
});

Deno.test("a node that is gone is refused with the nodes that there are", async () => {
  const store = watch();
  await ordersV1(store).invoke({ name: "Ana", price: 2 }, { runId: "r" });
  const saved = store.records.length;
  const without = definePipeline({
    name: "orders",
    version: 2,
    migrate: { 1: toOrder2 },
    state: unchecked<Order2>(),
    nodes: { approve: () => {}, send: () => {} },
    start: "approve",
    edges: { approve: "send", send: END },
  }, { checkpointer: store });
  const error = await assertRejects(() => without.resume("r", YES), UnknownNodeError);
  assertEquals(error.node, "ask");
  for (const word of ['"approve", "send"', "renamed"]) assertStringIncludes(error.message, word);
  assertEquals(store.records.length, saved);
});

Deno.test("a step under way that holds a field of old is refused, as nobody can migrate that", async () => {
  const store = watch();
  let isBroken = true;
  const nodes = {
    split: () => {},
    work: ({ item }: { readonly item: string }) => {
      if (item === "b" && isBroken) throw new Error("not yet");
      return { results: item };
    },
  };
  const old = definePipeline({
    name: "work",
    state: unchecked<{ item: string; results: string[] }>("item", "results"),
    reducers: { results: append },
    nodes,
    start: "split",
    edges: { split: ["a", "b"].map((item) => send("work", { item })), work: END },
  }, { checkpointer: store });
  expectStatus(await old.invoke({ item: "", results: [] }, { runId: "r" }), "failed");
  isBroken = false;
  const saved = store.records.length;
  const define = (...fields: ("item" | "outcomes")[]) =>
    definePipeline({
      name: "work",
      version: 2,
      migrate: { 1: ({ results }: { results: string[] }) => ({ item: "", outcomes: results }) },
      state: unchecked<{ item: string; outcomes: string[] }>(...fields),
      nodes: { split: () => {}, work: (state) => ({ outcomes: [state.item] }) },
      start: "split",
      edges: { split: "work", work: END },
    }, { checkpointer: store });
  const error = await assertRejects(() => define("item", "outcomes").resume("r"), MigrationError);
  for (const word of ['"results"', '"work"', '"item", "outcomes"', "fork"]) {
    assertStringIncludes(error.message, word);
  }
  assertEquals(store.records.length, saved);
  expectStatus(await define("item", "outcomes").fork("r", { sequence: 0 }), "completed");
});

Deno.test("types: renamed leads to nodes, and a migration takes and gives an object", () => {
  const common = {
    name: "orders",
    state: unchecked<Order1>(),
    nodes: { ask: () => {} },
    start: "ask",
    edges: { ask: END },
  } as const;
  assertThrows(
    () =>
      definePipeline({
        ...common,
        // @ts-expect-error "aks" is no node
        renamed: { question: "aks" },
      }),
    TypeError,
    "aks",
  );
  definePipeline({
    ...common,
    version: 2,
    migrate: {
      // @ts-expect-error a state is an object
      1: () => 7,
    },
  });
  definePipeline({
    ...common,
    version: 2,
    migrate: {
      // @ts-expect-error a state is an object
      1: (state: string) => ({ name: state }),
    },
  });
});
