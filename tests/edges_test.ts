import { assertEquals, assertInstanceOf, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { definePipeline, END, send, unchecked } from "../mod.ts";
import {
  makeRouter,
  nextTargets,
  RouteError,
  type Router,
  type Target,
} from "../pipeline/edges.ts";
import { expectStatus, turns } from "./engine_probes.ts";

interface Work {
  count: number;
}

const names = new Set(["a", "b", "c"]);

function routerOf(edge: unknown): Router<Work> {
  return makeRouter<Work>("a", edge, names, "edges");
}

/** What follows the given nodes, whose edges are given by node. */
async function follow(
  edges: { readonly [node: string]: unknown },
  finished: readonly string[] = Object.keys(edges),
  state: Work = { count: 0 },
): Promise<readonly Target[]> {
  const routers = new Map(Object.entries(edges).map(([node, edge]) => [node, routerOf(edge)]));
  return await nextTargets(
    finished.map((node) => ({ node })),
    { routers, rejections: new Map() },
    state,
    (target) => target,
  );
}

const payload = { count: 1 };

Deno.test("every form of an edge leads where it says", async () => {
  const forms: [edge: unknown, targets: readonly Target[]][] = [
    ["b", [{ node: "b" }]],
    [END, []],
    [[], []],
    [[END], []],
    [["b", END, "c"], [{ node: "b" }, { node: "c" }]],
    [send("b", payload), [{ node: "b", payload }]],
    [[send("b", payload), "c"], [{ node: "b", payload }, { node: "c" }]],
    [() => "b", [{ node: "b" }]],
    [() => END, []],
    [() => [], []],
    [() => ["b", "c"], [{ node: "b" }, { node: "c" }]],
    [() => send("a", payload), [{ node: "a", payload }]],
    [async () => await Promise.resolve(["b", send("c", payload)]), [
      { node: "b" },
      { node: "c", payload },
    ]],
    [{ route: () => "b", to: ["b", END] }, [{ node: "b" }]],
    [{ route: () => END, to: ["b", END] }, []],
    [{ route: () => "yes", to: { yes: "b", no: END } }, [{ node: "b" }]],
    [{ route: () => "no", to: { yes: "b", no: END } }, []],
    [{ route: () => ["yes", "no", "yes"], to: { yes: "b", no: END } }, [{ node: "b" }]],
    [{ route: () => ["one", "two"], to: { one: "b", two: "b" } }, [{ node: "b" }]],
    [{ route: () => [send("b", payload), "yes"], to: { yes: "b" } }, [
      { node: "b", payload },
      { node: "b" },
    ]],
    [{ route: async () => await Promise.resolve("c"), to: ["b", "c"] }, [{ node: "c" }]],
    [{ route: () => "b", to: { b: "c", c: "b" } }, [{ node: "c" }]],
  ];
  for (const [edge, targets] of forms) assertEquals(await follow({ a: edge }), targets);
});

Deno.test("a function that answers at once is followed at once", () => {
  const routers = new Map([["a", routerOf(() => "b")]]);
  const targets = nextTargets(
    [{ node: "a" }],
    { routers, rejections: new Map() },
    payload,
    (target) => target,
  );
  assertEquals(targets, [{ node: "b" }]);
});

Deno.test("answers are joined in order: a name runs once, every send runs", async () => {
  const answer = fc.array(fc.oneof(
    fc.constantFrom("a", "b", "c"),
    fc.record({ node: fc.constantFrom("a", "b", "c"), payload: fc.record({ count: fc.nat(3) }) }),
    fc.constant(END),
  ));
  const property = fc.asyncProperty(
    fc.dictionary(fc.constantFrom("a", "b", "c"), answer),
    fc.boolean(),
    async (answers, isAsync) => {
      const targetOf = (item: string | Target | typeof END) =>
        typeof item === "object" ? send(item.node, item.payload ?? {}) : item;
      const edges = Object.fromEntries(
        Object.entries(answers).map(([node, items], index) => [node, async () => {
          // Edges that answer late come in the same order.
          if (isAsync) await turns(30 - 10 * index);
          return items.map(targetOf);
        }]),
      );
      const seen = new Set<string>();
      const expected = Object.values(answers).flat().flatMap((item): Target[] => {
        if (typeof item === "object") return [{ node: item.node, payload: item.payload }];
        if (typeof item === "symbol" || seen.has(item)) return [];
        seen.add(item);
        return [{ node: item }];
      });
      assertEquals(await follow(edges), expected);
    },
  );
  await fc.assert(property);
});

Deno.test("a node that finished many times is asked once, in the place of its first", async () => {
  const asked: string[] = [];
  const tell = (node: string) => () => {
    asked.push(node);
    return "c";
  };
  const targets = await follow({ a: tell("a"), b: tell("b") }, ["b", "a", "b", "b", "a"]);
  assertEquals(asked, ["b", "a"]);
  assertEquals(targets, [{ node: "c" }]);
});

Deno.test("an edge that throws or rejects becomes an error with its node and its cause", async () => {
  const cause = new Error("no way");
  const edges = [
    () => {
      throw cause;
    },
    () => Promise.reject(cause),
  ];
  for (const edge of edges) {
    for (const finished of [["b"], ["a", "b"]]) {
      const error = await follow({ a: "c", b: edge }, finished).catch((thrown) => thrown);
      assertInstanceOf(error, RouteError);
      assertEquals(error.node, "b");
      assertStrictEquals(error.cause, cause);
    }
  }
});

Deno.test("an edge that leads nowhere is refused when it is made", () => {
  const edges = [
    "d",
    ["a", "d"],
    [["a"]],
    send("d", {}),
    null,
    undefined,
    7,
    {},
    { route: () => "a", to: ["d"] },
    { route: () => "yes", to: { yes: "d" } },
    { route: () => "yes", to: { yes: ["a", "b"] } },
    { route: "a", to: ["a"] },
    { route: () => "a", to: null },
  ];
  for (const edge of edges) assertThrows(() => routerOf(edge), TypeError, 'node "a"');
});

Deno.test("labels may be numbers, as the types allow", async () => {
  const result = await definePipeline({
    name: "numbers",
    state: unchecked<Work>(),
    nodes: { rate: () => ({ count: 2 }), low: () => {}, high: () => {} },
    start: "rate",
    edges: {
      rate: { route: (state) => state.count > 1 ? 2 : 1, to: { 1: "low", 2: "high" } },
      low: END,
      high: END,
    },
  }).invoke({});
  assertEquals(expectStatus(result, "completed").completedNodes, ["rate", "high"]);
});

Deno.test("labels and nodes may be called what every object knows", async () => {
  const to = Object.fromEntries([["__proto__", "b"], ["constructor", "c"], ["toString", END]]);
  assertEquals(await follow({ a: { route: () => "__proto__", to } }), [{ node: "b" }]);
  assertEquals(await follow({ a: { route: () => "constructor", to } }), [{ node: "c" }]);
  assertEquals(await follow({ a: { route: () => "toString", to } }), []);
  const error = await follow({ a: { route: () => "valueOf", to } }).catch((thrown) => thrown);
  assertInstanceOf(error.cause, TypeError);
});
