import { assert, assertEquals, assertRejects } from "@std/assert";
import DOMPurify from "npm:dompurify@3";
import mermaid from "npm:mermaid@11.17.2";
import fc from "fast-check";
import { definePipeline, END, send, unchecked } from "../mod.ts";
import { toMermaid } from "../pipeline/mermaid.ts";

// Mermaid sanitizes labels through the browser's DOM. Ours hold no markup, so nothing is lost.
Object.assign(DOMPurify, { addHook: () => {}, sanitize: (text: string) => text });

/** What Mermaid's own parser makes of a chart. */
interface Chart {
  /** The text of each box, by id. */
  readonly boxes: ReadonlyMap<string, string>;
  /**
   * The arrows, as `from -label-> to`, `from -> to`, `from .> to` for dashed ones, and `from -x to`
   * for those that end with a cross.
   */
  readonly arrows: readonly string[];
}

/** The part of Mermaid's flowchart database that its types leave out. */
interface FlowDatabase {
  getVertices(): ReadonlyMap<string, { readonly text?: string }>;
  getEdges(): readonly {
    readonly start: string;
    readonly end: string;
    readonly text: string;
    readonly stroke: string;
    readonly type: string;
  }[];
}

function isFlowDatabase(db: object): db is FlowDatabase {
  return "getVertices" in db && "getEdges" in db;
}

async function parse(text: string): Promise<Chart> {
  const { diagramType } = await mermaid.parse(text);
  assertEquals(diagramType, "flowchart-v2");
  const { db } = await mermaid.mermaidAPI.getDiagramFromText(text);
  assert(isFlowDatabase(db));
  return {
    boxes: new Map([...db.getVertices()].map(([id, { text = "" }]) => [id, shown(text)])),
    arrows: db.getEdges().map(({ start, end, text, stroke, type }) => {
      const line = stroke === "dotted" ? "." : "-";
      const head = type === "arrow_cross" ? "x" : ">";
      return `${start} ${text === "" ? line : `${line}${shown(text)}${line}`}${head} ${end}`;
    }),
  };
}

/** A label as it is drawn: Mermaid turns `#35;` into its own marks, and these into characters. */
function shown(text: string): string {
  return text.replace(/ﬂ°°(\d+)¶ß/g, (_, code) => String.fromCodePoint(Number(code)));
}

/** What a name reads as in a chart, where nothing else is on the line. */
function drawn(name: string): string {
  const pictures = name.toWellFormed().replaceAll(
    // deno-lint-ignore no-control-regex -- these have pictures of their own
    /[\x00-\x1f]/g,
    (control) => String.fromCodePoint(0x2400 + control.charCodeAt(0)),
  );
  return pictures.replace(/^ +| +$/g, "") || "\u200b";
}

const nasty = [
  `"`,
  "'",
  "`",
  "`**bold**`",
  "end",
  "graph",
  "subgraph",
  "flowchart TD",
  "click",
  "style",
  'style:"',
  "style a:#;",
  'classDef:"',
  "classDef x:(y)",
  "linkStyle 0",
  "default",
  "%%",
  "%% comment",
  "%%{init: {}}%%",
  "---",
  "--> b",
  "-. x .->",
  "a & b",
  "a;b",
  "#",
  "#35;",
  "#quot;",
  "&quot;",
  "&#35;",
  "|",
  "||",
  "[x]",
  '"]',
  "{x}",
  "(x)",
  "((x))",
  ">x]",
  "[/x/]",
  "@{ shape: rect }",
  ":::",
  "<b>x</b>",
  "<br/>",
  "<script>",
  "$$x$$",
  "\\",
  "\\n",
  "a\nb",
  "a\r\nb",
  "\n",
  "\t",
  " ",
  "  a  ",
  "\0",
  "\u2028",
  "\ufeff",
  "\u00a0",
  "\ud800",
  "😀",
  "👩‍👩‍👧",
  "é",
  "اختبار",
  "ﬂ°°35¶ß",
  "1. one",
  "- one",
  "o",
  "x",
  "__proto__",
  "constructor",
  "accTitle: x",
  "title: x",
  "a".repeat(1_000),
];

const name = fc.oneof(
  fc.constantFrom(...nasty),
  fc.string({ unit: "binary", minLength: 1, maxLength: 12 }),
  fc.array(fc.constantFrom(...nasty), { minLength: 2, maxLength: 3 }).map((parts) =>
    parts.join("")
  ),
);

/** The chart of one node that leads to another by a label. */
function chartOf(node: string, label: string): string {
  return toMermaid({
    name: "any",
    start: node,
    nodes: [node, `${node} other`],
    edges: [
      { from: node, to: `${node} other`, routed: true, label },
      { from: `${node} other`, to: null, routed: false },
    ],
  });
}

async function assertDrawn(node: string, label: string): Promise<void> {
  const { boxes, arrows } = await parse(chartOf(node, label));
  const message = JSON.stringify([node, label]);
  assertEquals([...boxes], [
    ["start", "start"],
    ["n0", drawn(node)],
    ["n1", drawn(`${node} other`)],
    ["done", "end"],
  ], message);
  assertEquals(arrows, ["start -> n0", `n0 .${drawn(label)}.> n1`, "n1 -> done"], message);
}

Deno.test("Mermaid's own parser is at work here: it refuses what is no chart", async () => {
  for (const text of ["flowchart TD\n  a[b", 'flowchart TD\n  a["b" c"]', "no chart at all"]) {
    await assertRejects(() => parse(text));
  }
});

Deno.test("what means something to Mermaid is drawn as it is, as a name and as a label", async () => {
  for (const text of nasty) await assertDrawn(text, text);
});

Deno.test("any name and any label is drawn as it is", async () => {
  await fc.assert(fc.asyncProperty(name, name, assertDrawn), { numRuns: 200 });
});

Deno.test("a chart shows fixed edges, declared targets with labels, and free functions", async () => {
  const pipeline = definePipeline({
    name: "shown",
    state: unchecked<{ count: number }>(),
    nodes: {
      plain: () => {},
      many: () => {},
      sent: () => {},
      ends: () => {},
      listed: () => {},
      labelled: () => {},
      free: () => {},
    },
    start: "many",
    edges: {
      plain: "many",
      many: ["plain", "sent", END],
      sent: [send("ends", { count: 1 }), "listed"],
      ends: [],
      listed: { route: (state) => state.count > 1 ? "free" : END, to: ["free", "labelled", END] },
      labelled: { route: (state) => state.count > 1 ? "yes" : "no", to: { yes: "free", no: END } },
      free: (state) => state.count > 1 ? "plain" : END,
    },
  });
  const text = pipeline.toMermaid();
  assertEquals(
    text,
    `flowchart TD
  start(["start"]) --> n1
  n0["plain"]
  n1["many"]
  n2["sent"]
  n3["ends"]
  n4["listed"]
  n5["labelled"]
  n6["free"]
  done(["end"])
  n0 --> n1
  n1 --> n0
  n1 --> n2
  n1 --> done
  n2 --> n3
  n2 --> n4
  n3 --> done
  n4 -.-> n6
  n4 -.-> n5
  n4 -.-> done
  n5 -. "yes" .-> n6
  n5 -. "no" .-> done
  n6 -.-> n6_any{{"?"}}
`,
  );
  const { boxes, arrows } = await parse(text);
  assertEquals(boxes.get("n6_any"), "?");
  assertEquals(arrows.length, 14);
  assertEquals(arrows.slice(-3), ["n5 .yes.> n6", "n5 .no.> done", "n6 .> n6_any"]);
});

/** A node whose failures go to another one, and that one to the end. */
function guarded() {
  return definePipeline({
    name: "guarded",
    state: unchecked<{ count: number }>(),
    nodes: { work: { run: () => {}, onError: "mend" }, mend: { run: () => {}, onError: "fail" } },
    start: "work",
    edges: { work: END, mend: "work" },
  });
}

Deno.test("a chart shows where a run goes on when a node fails", async () => {
  const { arrows } = await parse(guarded().toMermaid());
  assertEquals(arrows, ["start -> n0", "n0 -> done", "n0 -error-x n1", "n1 -> n0"]);
});

Deno.test("toJSON shows where a run goes on when a node fails", () => {
  assertEquals(guarded().toJSON().edges, [
    { from: "work", to: null, routed: false },
    { from: "work", to: "mend", routed: false, onError: true },
    { from: "mend", to: "work", routed: false },
  ]);
});

Deno.test("toJSON gives the topology as plain data", () => {
  const pipeline = definePipeline({
    name: "shown",
    state: unchecked<{ count: number }>(),
    nodes: { one: () => {}, two: () => {} },
    start: "one",
    edges: {
      one: { route: (state) => state.count > 1 ? "yes" : "no", to: { yes: "two", no: END } },
      two: (_state) => [],
    },
  });
  assertEquals<unknown>(JSON.parse(JSON.stringify(pipeline)), {
    name: "shown",
    start: "one",
    nodes: ["one", "two"],
    edges: [
      { from: "one", to: "two", routed: true, label: "yes" },
      { from: "one", to: null, routed: true, label: "no" },
      { from: "two", dynamic: true },
    ],
  });
});
