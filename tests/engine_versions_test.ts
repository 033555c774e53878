import { assert, assertEquals, assertThrows } from "@std/assert";
import { definePipeline, END, MemoryCheckpointer, unchecked } from "../mod.ts";
import { assertChanges, expectStatus, watch } from "./engine_probes.ts";
import {
  type Order1,
  type Order2,
  ordersV1,
  ordersV3,
  toOrder2,
  toOrder3,
  YES,
} from "./order_versions.ts";

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

Deno.test("a migration gets data of its own, and may change it", async () => {
  const store = new MemoryCheckpointer();
  await ordersV1(store).invoke({ name: "Ana", price: 2 }, { runId: "r" });
  const orders = ordersV3(store, {
    1: (state) => Object.assign(state, { firstName: "changed in place" }),
    2: toOrder3,
  });
  assertEquals((await orders.reject("r")).state.firstName, "changed in place");
});

Deno.test("a run of the Python framework is of version 1", async () => {
  const store = watch();
  await store.save({
    version: 0,
    pipelineName: "orders",
    runId: "old",
    sequence: 1,
    nodeId: "ask",
    state: { name: "Ana", price: 2 },
    completedNodes: ["ask"],
    status: "running",
    paused: false,
    tasks: [],
    pendingEdges: [{ node: "ask", visit: 1 }],
    steps: 1,
    failures: [],
    writer: "",
    savedAt: new Date(0).toISOString(),
  });
  const orders = ordersV3(store, {
    1: (state) => Object.assign(state, { firstName: "in place" }),
    2: toOrder3,
  });
  const result = expectStatus(await orders.resume("old"), "completed");
  assertEquals(result.state, { firstName: "in place", cents: 200n, log: ["200 cents"] });
  assertEquals(store.records.slice(1).map(({ version }) => version > 0), [true, true, true]);
  assertChanges(store);
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
