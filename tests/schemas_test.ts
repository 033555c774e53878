import { assertEquals, assertInstanceOf, assertRejects, assertStringIncludes } from "@std/assert";
import { type } from "arktype";
import * as v from "valibot";
import { z } from "zod";
import {
  append,
  definePipeline,
  END,
  InputValidationError,
  MemoryCheckpointer,
  pause,
  send,
  type StandardSchema,
} from "../mod.ts";
import { expectStatus } from "./engine_probes.ts";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

/** Compiles only if both types are the very same. */
function sameType<A, B>(_proof: Same<A, B>): void {}

interface Order {
  customer: string;
  quantity: number;
  log: string[];
}

interface OrderInput {
  customer: string;
  quantity?: number | undefined;
  log?: string[] | undefined;
}

const zodOrder = z.object({
  customer: z.string().min(2),
  quantity: z.number().int().default(1),
  log: z.array(z.string()).default([]),
});

const valibotOrder = v.object({
  customer: v.pipe(v.string(), v.minLength(2)),
  quantity: v.optional(v.pipe(v.number(), v.integer()), 1),
  log: v.optional(v.array(v.string()), []),
});

const arktypeOrder = type({
  customer: "string >= 2",
  quantity: "number.integer = 1",
  log: type("string[]").default(() => []),
});

type OrderSchema = StandardSchema<OrderInput, Order>;

const schemas: readonly (readonly [library: string, schema: OrderSchema])[] = [
  ["zod", zodOrder],
  ["valibot", valibotOrder],
  ["arktype", arktypeOrder],
];

function orders(schema: OrderSchema) {
  return definePipeline({
    name: "orders",
    state: schema,
    reducers: { log: append },
    nodes: {
      take: (state) => ({ log: `${state.quantity} for ${state.customer}` }),
      confirm: () => pause("really?"),
    },
    start: "take",
    edges: { take: "confirm", confirm: END },
  }, { checkpointer: new MemoryCheckpointer() });
}

Deno.test("zod, valibot and arktype tell input and output by their own types", () => {
  const common = { start: "a", nodes: { a: () => {} }, edges: { a: END } } as const;
  const zodOrders = definePipeline({ ...common, name: "orders", state: zodOrder });
  const valibotOrders = definePipeline({ ...common, name: "orders", state: valibotOrder });
  const arktypeOrders = definePipeline({ ...common, name: "orders", state: arktypeOrder });
  type StateOf<P extends { invoke: (...args: never[]) => Promise<{ readonly state: unknown }> }> =
    Awaited<ReturnType<P["invoke"]>>["state"];
  sameType<StateOf<typeof zodOrders>, Readonly<Order>>(true);
  sameType<StateOf<typeof valibotOrders>, Readonly<Order>>(true);
  sameType<StateOf<typeof arktypeOrders>, Readonly<Order>>(true);
  const calls = () => [
    zodOrders.invoke({ customer: "ana" }),
    valibotOrders.invoke({ customer: "ana" }),
    arktypeOrders.invoke({ customer: "ana" }),
    // @ts-expect-error customer has no default
    zodOrders.invoke({ quantity: 1 }),
    // @ts-expect-error customer has no default
    valibotOrders.invoke({ quantity: 1 }),
    // @ts-expect-error customer has no default
    arktypeOrders.invoke({ quantity: 1 }),
  ];
  assertEquals(typeof calls, "function");
});

for (const [library, schema] of schemas) {
  Deno.test(`${library}: defaults are filled in before the first node runs`, async () => {
    const result = await orders(schema).invoke({ customer: "ana" });
    assertEquals(result.state, { customer: "ana", quantity: 1, log: ["1 for ana"] });
  });

  Deno.test(`${library}: a refused input names every issue with its path`, async () => {
    const refused = { customer: "a", quantity: 1.5, log: [] };
    const error = await assertRejects(() => orders(schema).invoke(refused), InputValidationError);
    assertEquals(error.name, "InputValidationError");
    const [first, ...issues] = error.message.split("\n");
    assertEquals(first, 'Cannot start pipeline "orders": its schema refuses the input:');
    assertEquals(issues.map((line) => line.slice(0, line.indexOf(":"))).sort(), [
      "  customer",
      "  quantity",
    ]);
    const paths = error.issues.map(({ path = [] }) =>
      [...path].map((part) => typeof part === "object" ? part.key : part)
    );
    assertEquals(paths.sort(), [["customer"], ["quantity"]]);
    for (const { message } of error.issues) assertStringIncludes(error.message, message);
  });

  Deno.test(`${library}: a refused input leaves no run behind`, async () => {
    const pipeline = orders(schema);
    const refused = { customer: "a" };
    await assertRejects(() => pipeline.invoke(refused, { runId: "r" }), InputValidationError);
    assertEquals(await Array.fromAsync(pipeline.listRuns()), []);
    assertEquals((await pipeline.invoke({ customer: "ana" }, { runId: "r" })).status, "paused");
  });

  Deno.test(`${library}: a node's update with an unknown field fails the run by name`, async () => {
    const pipeline = definePipeline({
      name: "orders",
      state: schema,
      nodes: { take: (state) => ({ quantity: state.quantity + 1, colour: "red" }) },
      start: "take",
      edges: { take: END },
    });
    const result = await pipeline.invoke({ customer: "ana" });
    const { error, failedNode, state } = expectStatus(result, "failed");
    assertInstanceOf(error, TypeError);
    for (const word of ['"colour"', '"take"', '"orders"', '"customer"', '"quantity"', '"log"']) {
      assertStringIncludes(error.message, word);
    }
    assertEquals(failedNode, "take");
    assertEquals(state.quantity, 1, "nothing of the refused update is folded in");
  });

  Deno.test(`${library}: an update of resume with an unknown field is thrown`, async () => {
    const pipeline = orders(schema);
    const { runId } = await pipeline.invoke({ customer: "ana" });
    const before = await Array.fromAsync(pipeline.history(runId));
    const update = { quantity: 2, colour: "red" };
    const error = await assertRejects(
      () => pipeline.resume(runId, { approvePause: true, update }),
      TypeError,
    );
    for (const word of ['"colour"', "resume", '"orders"', '"customer"']) {
      assertStringIncludes(error.message, word);
    }
    assertEquals(await Array.fromAsync(pipeline.history(runId)), before, "nothing was saved");
    const result = await pipeline.resume(runId, { approvePause: true, update: { quantity: 2 } });
    assertEquals([result.status, result.state.quantity], ["completed", 2]);
  });

  Deno.test(`${library}: a send with an unknown field fails the run by name`, async () => {
    const payload = { quantity: 2, colour: "red" };
    const pipeline = definePipeline({
      name: "orders",
      state: schema,
      nodes: { take: () => {}, pack: () => {} },
      start: "take",
      edges: { take: () => send("pack", payload), pack: END },
    });
    const { error } = expectStatus(await pipeline.invoke({ customer: "ana" }), "failed");
    assertInstanceOf(error, TypeError);
    for (const word of ['"colour"', '"pack"', '"orders"']) {
      assertStringIncludes(error.message, word);
    }
  });
}

Deno.test("an asynchronous schema is awaited, to accept and to refuse", async () => {
  const isKnown = async (customer: string) => await Promise.resolve(customer === "ana");
  const zodSchema = z.object({ customer: z.string().refine(isKnown, "unknown customer") });
  const valibotSchema = v.objectAsync({
    customer: v.pipeAsync(v.string(), v.checkAsync(isKnown, "unknown customer")),
  });
  for (const state of [zodSchema, valibotSchema]) {
    const pipeline = definePipeline({
      name: "orders",
      state,
      nodes: { take: () => {} },
      start: "take",
      edges: { take: END },
    });
    assertEquals((await pipeline.invoke({ customer: "ana" })).state, { customer: "ana" });
    const error = await assertRejects(
      () => pipeline.invoke({ customer: "bob" }),
      InputValidationError,
      "customer: unknown customer",
    );
    assertEquals(error.issues.length, 1);
  }
});

Deno.test("a nested issue reads as the path that leads to it", async () => {
  const pipeline = definePipeline({
    name: "orders",
    state: z.object({ items: z.array(z.object({ price: z.number() })) }),
    nodes: { take: () => {} },
    start: "take",
    edges: { take: END },
  });
  const input = JSON.parse(`{ "items": [{ "price": 1 }, { "price": "2" }] }`);
  await assertRejects(() => pipeline.invoke(input), InputValidationError, "items.1.price: ");
});

const loose: readonly (readonly [
  schema: string,
  StandardSchema<object, { count: number; [other: string]: unknown }>,
])[] = [
  ["zod's looseObject", z.looseObject({ count: z.number().default(0) })],
  ["zod's catchall", z.object({ count: z.number().default(0) }).catchall(z.unknown())],
  ["valibot's looseObject", v.looseObject({ count: v.optional(v.number(), 0) })],
  ["valibot's objectWithRest", v.objectWithRest({ count: v.optional(v.number(), 0) }, v.unknown())],
  ["arktype's index signature", type({ count: "number = 0", "[string]": "unknown" })],
];

for (const [schema, state] of loose) {
  Deno.test(`${schema} takes other fields too, also in updates`, async () => {
    const pipeline = definePipeline({
      name: "counts",
      state,
      nodes: { count: () => ({ count: 1, extra: "yes" }) },
      start: "count",
      edges: { count: END },
    });
    const result = expectStatus(await pipeline.invoke({}), "completed");
    assertEquals(result.state, { count: 1, extra: "yes" });
  });
}

const toLength = ({ name }: { name: string }) => ({ length: name.length });

const transforming: readonly (readonly [
  library: string,
  StandardSchema<{ name: string }, { length: number }>,
])[] = [
  ["zod", z.object({ name: z.string() }).transform(toLength)],
  ["valibot", v.pipe(v.object({ name: v.string() }), v.transform(toLength))],
  ["arktype", type({ name: "string" }).pipe(toLength)],
];

for (const [library, state] of transforming) {
  Deno.test(`${library}: where the input is transformed, the fields are the output's`, async () => {
    const pipeline = definePipeline({
      name: "lengths",
      state,
      nodes: { double: (state) => ({ length: state.length * 2 }) },
      start: "double",
      edges: { double: END },
    });
    const result = expectStatus(await pipeline.invoke({ name: "ana" }), "completed");
    assertEquals(result.state, { length: 6 });
  });
}

Deno.test("a state with a check of the whole still knows its fields", async () => {
  const schemas: readonly StandardSchema<{ low: number; high: number }>[] = [
    z.object({ low: z.number(), high: z.number() }).refine(({ low, high }) => low <= high),
    v.pipe(
      v.object({ low: v.number(), high: v.number() }),
      v.check(({ low, high }) => low <= high),
    ),
  ];
  for (const state of schemas) {
    const pipeline = definePipeline({
      name: "ranges",
      state,
      nodes: { widen: () => ({ high: 10, colour: "red" }) },
      start: "widen",
      edges: { widen: END },
    });
    await assertRejects(() => pipeline.invoke({ low: 2, high: 1 }), InputValidationError);
    const { error } = expectStatus(await pipeline.invoke({ low: 1, high: 2 }), "failed");
    assertInstanceOf(error, TypeError);
    assertStringIncludes(error.message, '"colour"');
  }
});
