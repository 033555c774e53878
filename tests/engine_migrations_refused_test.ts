import {
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { z } from "zod";
import {
  append,
  definePipeline,
  END,
  type Migration,
  MigrationError,
  pause,
  PipelineVersionError,
  send,
  unchecked,
  UnknownNodeError,
} from "../mod.ts";
import { expectStatus, untyped, watch } from "./engine_probes.ts";
import {
  type Order1,
  type Order2,
  ordersV1,
  ordersV3,
  toOrder2,
  toOrder3,
  YES,
} from "./order_versions.ts";

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
