import { assertEquals } from "@std/assert";
import { append, definePipeline, END, merge, type Pipeline, send, unchecked } from "../mod.ts";

interface Ticket {
  status: "open" | "done";
  kind: { type: "bug" } | { type: "wish"; votes: number };
  pair: [string, number];
  tags: ("x" | "y")[];
  marks: { level: "low" | "high" }[];
  meta: { mode: "p" | "q"; size: number };
}

const ticket = unchecked<Ticket>();

Deno.test("literals of nodes without parameters are kept, also nested and in tuples", () => {
  definePipeline({
    name: "literals",
    state: ticket,
    nodes: {
      now: () => ({ status: "done", kind: { type: "wish", votes: 1 }, pair: ["x", 1] }),
      later: async () => await Promise.resolve({ status: "open" } as const),
      option: { run: () => ({ kind: { type: "bug" } }) },
      seen: ({ pair }) => ({ kind: { type: "wish", votes: pair[1] } }),
    },
    start: "now",
    edges: { now: END, later: END, option: END, seen: END },
  });
});

Deno.test("literals are kept beside reducers", () => {
  definePipeline({
    name: "reduced",
    state: ticket,
    reducers: { tags: append, marks: append, meta: merge },
    nodes: {
      now: () => ({ tags: "y", marks: { level: "high" }, meta: { mode: "q" }, status: "done" }),
      seen: ({ meta }) => ({ tags: "x", marks: { level: "low" }, meta: { size: meta.size } }),
    },
    start: "now",
    edges: { now: END, seen: END },
  });
});

Deno.test("a wrong literal does not compile, with or without parameters and reducers", () => {
  const rest = { name: "wrong", state: ticket, start: "a", edges: { a: END } } as const;
  // @ts-expect-error no such status
  definePipeline({ ...rest, nodes: { a: () => ({ status: "lost" }) } });
  // @ts-expect-error no such kind
  definePipeline({ ...rest, nodes: { a: () => ({ kind: { type: "praise" } }) } });
  // @ts-expect-error no such kind
  definePipeline({ ...rest, nodes: { a: (_state) => ({ kind: { type: "praise" } }) } });
  // @ts-expect-error no such tag
  definePipeline({ ...rest, reducers: { tags: append }, nodes: { a: () => ({ tags: "z" }) } });
  // @ts-expect-error one item, not a list
  definePipeline({ ...rest, reducers: { tags: append }, nodes: { a: () => ({ tags: ["x"] }) } });
  // @ts-expect-error no such level
  definePipeline({ ...rest, reducers: { marks: append }, nodes: { a: () => ({ marks: {} }) } });
  const nodes = { a: () => ({ meta: { mode: 1 } }) };
  // @ts-expect-error no such mode
  definePipeline({ ...rest, reducers: { meta: merge }, nodes });
});

Deno.test("edges without parameters keep the names that they answer with", async () => {
  const pipeline = definePipeline({
    name: "names",
    state: unchecked<{ count: number }>(),
    nodes: { a: () => {}, b: () => {}, c: () => {}, d: () => {} },
    start: "a",
    edges: {
      a: () => ["b", "c", "b"],
      b: { route: () => ["x"], to: { x: "d" } },
      c: { route: () => ["d", END], to: ["d", END] },
      d: async () => await Promise.resolve([]),
    },
  });
  const { completedNodes } = await pipeline.invoke({});
  assertEquals(completedNodes, ["a", "b", "c", "d"]);
  const rest = { name: "wrong", state: unchecked<{ count: number }>(), start: "a" } as const;
  const nodes = { a: () => {}, b: () => {} };
  // @ts-expect-error no such node
  definePipeline({ ...rest, nodes, edges: { a: () => ["b", "d"], b: END } });
  // @ts-expect-error no such node
  definePipeline({ ...rest, nodes, edges: { a: () => [send("d", {})], b: END } });
});

Deno.test("a pipeline may be declared with its type, as exports of a package are", () => {
  const declared: Pipeline<Partial<Ticket>, Ticket, { status?: "open" | "done" }, "a"> =
    definePipeline({
      name: "declared",
      state: ticket,
      nodes: { a: () => ({ status: "open" }) },
      start: "a",
      edges: { a: { route: () => "x", to: { x: END } } },
    });
  assertEquals(declared.name, "declared");
});
