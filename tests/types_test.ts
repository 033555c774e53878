import { assertThrows } from "@std/assert";
import { definePipeline, END, send, unchecked } from "../mod.ts";

interface Draft {
  text: string;
  score: number;
  log: string[];
}

Deno.test("a misspelt start does not compile", () => {
  const define = () =>
    definePipeline({
      name: "drafts",
      state: unchecked<Draft>(),
      nodes: { write: () => {}, check: () => {} },
      // @ts-expect-error "wirte" is no node
      start: "wirte",
      edges: { write: "check", check: END },
    });
  assertThrows(define, TypeError, "wirte");
});

Deno.test("a misspelt edge key does not compile", () => {
  const define = () =>
    definePipeline({
      name: "drafts",
      state: unchecked<Draft>(),
      nodes: { write: () => {}, check: () => {} },
      start: "write",
      // @ts-expect-error "chekc" is no node, and "check" has no edge
      edges: { write: "check", chekc: END },
    });
  assertThrows(define, TypeError, "check");
});

Deno.test("an edge of what is no node does not compile beside a full set of edges", () => {
  const define = () =>
    definePipeline({
      name: "drafts",
      state: unchecked<Draft>(),
      nodes: { write: () => {} },
      start: "write",
      // @ts-expect-error "publish" is no node
      edges: { write: END, publish: END },
    });
  assertThrows(define, TypeError, "publish");
});

Deno.test("a missing edge does not compile", () => {
  const define = () =>
    definePipeline({
      name: "drafts",
      state: unchecked<Draft>(),
      nodes: { write: () => {}, check: () => {} },
      start: "write",
      // @ts-expect-error "check" has no edge
      edges: { write: "check" },
    });
  assertThrows(define, TypeError, "check");
});

Deno.test("a misspelt edge target does not compile, alone, in a list or in a fixed send", () => {
  const alone = () =>
    definePipeline({
      name: "drafts",
      state: unchecked<Draft>(),
      nodes: { write: () => {}, check: () => {} },
      start: "write",
      // @ts-expect-error "chekc" is no node
      edges: { write: "chekc", check: END },
    });
  const listed = () =>
    definePipeline({
      name: "drafts",
      state: unchecked<Draft>(),
      nodes: { write: () => {}, check: () => {} },
      start: "write",
      // @ts-expect-error "chekc" is no node
      edges: { write: ["check", "chekc"], check: END },
    });
  const sent = () =>
    definePipeline({
      name: "drafts",
      state: unchecked<Draft>(),
      nodes: { write: () => {}, check: () => {} },
      start: "write",
      // @ts-expect-error "chekc" is no node
      edges: { write: send("chekc", { text: "x" }), check: END },
    });
  for (const define of [alone, listed, sent]) assertThrows(define, TypeError, "chekc");
});

Deno.test("a misspelt onError does not compile, and a good one leaves the rest inferred", () => {
  const define = () =>
    definePipeline({
      name: "drafts",
      state: unchecked<Draft>(),
      nodes: {
        // @ts-expect-error "mnd" is no node
        write: { run: (state) => ({ score: state.score + 1 }), onError: "mnd" },
        mend: (state, { failure }) => ({ text: `${state.text}: ${failure?.error.message}` }),
      },
      start: "write",
      edges: { write: END, mend: END },
    });
  assertThrows(define, TypeError, '"mnd"');
  definePipeline({
    name: "drafts",
    state: unchecked<Draft>(),
    nodes: {
      write: { run: (state) => ({ score: state.score + 1 }), onError: "mend" },
      check: { run: () => {}, onError: "fail", retry: { attempts: 2 } },
      mend: () => {},
    },
    start: "write",
    edges: { write: "check", check: END, mend: END },
  });
});

Deno.test("a misspelt answer or send of an edge function does not compile", () => {
  definePipeline({
    name: "drafts",
    state: unchecked<Draft>(),
    nodes: { write: () => {}, check: () => {} },
    start: "write",
    edges: {
      // @ts-expect-error "chekc" is no node
      write: (state) => state.score > 1 ? "check" : "chekc",
      // @ts-expect-error "wirte" is no node
      check: (state) => state.log.map((text) => send("wirte", { text })),
    },
  });
});

Deno.test("a misspelt declared target does not compile, in a list or in a map", () => {
  const listed = () =>
    definePipeline({
      name: "drafts",
      state: unchecked<Draft>(),
      nodes: { write: () => {}, check: () => {} },
      start: "write",
      edges: {
        // @ts-expect-error "chekc" is no node
        write: { route: () => "check", to: ["check", "chekc"] },
        check: END,
      },
    });
  const mapped = () =>
    definePipeline({
      name: "drafts",
      state: unchecked<Draft>(),
      nodes: { write: () => {}, check: () => {} },
      start: "write",
      edges: {
        // @ts-expect-error "chekc" is no node
        write: { route: () => "yes", to: { yes: "chekc", no: END } },
        check: END,
      },
    });
  for (const define of [listed, mapped]) assertThrows(define, TypeError, "chekc");
});

Deno.test("a route that answers what is neither listed nor a label does not compile", () => {
  definePipeline({
    name: "drafts",
    state: unchecked<Draft>(),
    nodes: { write: () => {}, check: () => {}, publish: () => {} },
    start: "write",
    edges: {
      // @ts-expect-error "publish" is a node, but not listed
      write: { route: () => "publish", to: ["check", "write"] },
      // @ts-expect-error "maybe" is no label
      check: { route: () => "maybe", to: { yes: "publish", no: END } },
      // @ts-expect-error END is not listed
      publish: { route: () => END, to: ["write"] },
    },
  });
});

Deno.test("a send to a node that is not among the declared targets does not compile", () => {
  definePipeline({
    name: "drafts",
    state: unchecked<Draft>(),
    nodes: { write: () => {}, check: () => {}, publish: () => {} },
    start: "write",
    edges: {
      // @ts-expect-error "publish" is a node, but not listed
      write: { route: () => send("publish", { text: "x" }), to: ["check"] },
      // @ts-expect-error "write" is a node, but no label leads to it
      check: { route: () => [send("write", {})], to: { yes: "publish", no: END } },
      // @ts-expect-error "chekc" is no node at all
      publish: { route: (state) => send("chekc", { text: state.text }), to: ["check"] },
    },
  });
});

Deno.test("a misspelt node option does not compile", () => {
  const define = () =>
    definePipeline({
      name: "drafts",
      state: unchecked<Draft>(),
      // @ts-expect-error the option is called "timeoutMs"
      nodes: { write: { run: () => {}, timeout: 10 } },
      start: "write",
      edges: { write: END },
    });
  assertThrows(define, TypeError, "timeout");
});
