import {
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { append, type Checkpointer, definePipeline, END, send, unchecked } from "../mod.ts";
import { expectStatus, untyped, watch } from "./engine_probes.ts";

interface Work {
  count: number;
  log: string[];
}

/** Two nodes; what the edge of the first one answers is handed in. */
function routed(answer: () => unknown, calls: string[] = [], checkpointer?: Checkpointer) {
  return definePipeline({
    name: "routed",
    state: unchecked<Work>(),
    nodes: {
      one: () => {
        calls.push("one");
        return { count: 1 };
      },
      two: () => {
        calls.push("two");
      },
    },
    start: "one",
    edges: { one: () => untyped<"two" | Promise<"two">>(answer()), two: END },
  }, { checkpointer });
}

Deno.test("an edge that throws fails the run; resume asks it again and runs no node twice", async () => {
  const thrown = new Error("no way");
  const ways: (() => unknown)[] = [
    () => {
      throw thrown;
    },
    () => Promise.reject(thrown),
  ];
  for (const fails of ways) {
    const store = watch();
    const calls: string[] = [];
    const failed = await routed(fails, calls, store).invoke({}, { runId: "r" });
    const { failedNode, error, failures } = expectStatus(failed, "failed");
    assertStrictEquals(error, thrown);
    assertEquals(failures, [{ node: "one", visit: 1, error: thrown }]);
    assertEquals(failedNode, "one");
    assertEquals<unknown>(failed.state, { count: 1 }, "the node finished");
    assertEquals(failed.completedNodes, ["one"]);
    assertEquals(store.records.at(-1)?.pendingEdges, [{ node: "one", visit: 1 }]);

    const again = expectStatus(await routed(fails, calls, store).resume("r"), "failed");
    assertStrictEquals(again.error, thrown);
    assertEquals(again.failures, failures);

    const mended = await routed(() => "two", calls, store).resume("r");
    assertEquals(mended.completedNodes, ["one", "two"]);
    assertEquals(calls, ["one", "two"]);
    assertEquals(mended.status, "completed");
  }
});

Deno.test("an update of resume can mend what an edge stumbles over", async () => {
  const store = watch();
  const pipeline = definePipeline({
    name: "mended",
    state: unchecked<Work>(),
    nodes: { one: () => {}, two: () => {} },
    start: "one",
    edges: { one: (state) => state.log.length > 0 ? "two" : END, two: END },
  }, { checkpointer: store });
  const failed = expectStatus(await pipeline.invoke({}, { runId: "r" }), "failed");
  assertInstanceOf(failed.error, TypeError);
  const result = expectStatus(await pipeline.resume("r", { update: { log: ["a"] } }), "completed");
  assertEquals(result.completedNodes, ["one", "two"]);
});

Deno.test("an answer that is no node fails the run and says which nodes there are", async () => {
  const unknown: [answer: unknown, shown: string][] = [
    ["three", '"three"'],
    [["two", "three"], '"three"'],
    [Promise.resolve("three"), '"three"'],
    ["", '""'],
    [null, "null"],
    [undefined, "undefined"],
    [7, "number"],
    [{ node: "two" }, "object"],
    [["two", undefined], "undefined"],
    [send("three", {}), 'a send to "three"'],
  ];
  for (const [answer, shown] of unknown) {
    const result = expectStatus(await routed(() => answer).invoke({}), "failed");
    assertInstanceOf(result.error, TypeError);
    assertEquals(result.failedNode, "one");
    for (const word of [shown, 'node "one"', 'pipeline "routed"', '"one", "two"']) {
      assertStringIncludes(result.error.message, word);
    }
  }
});

Deno.test("a send whose payload is no object fails the run", async () => {
  for (const payload of [undefined, null, 7, "text", ["a"]]) {
    const answer = () => send("two", untyped<object>(payload));
    const { error } = expectStatus(await routed(answer).invoke({}), "failed");
    assertInstanceOf(error, TypeError);
    for (const word of ["payload", '"two"', '"one"', '"routed"']) {
      assertStringIncludes(error.message, word);
    }
  }
});

Deno.test("an answer that is not declared fails the run and says what is", async () => {
  const pipelineOf = (answer: unknown) =>
    definePipeline({
      name: "declared",
      state: unchecked<Work>(),
      nodes: { listed: () => {}, labelled: () => {}, other: () => {} },
      start: "listed",
      edges: {
        listed: { route: (_state) => untyped<"other">(answer), to: ["other", "labelled"] },
        labelled: { route: (_state) => untyped<"yes">(answer), to: { yes: "other", no: END } },
        other: END,
      },
    });
  const undeclared: [startAt: "listed" | "labelled", answer: unknown, shown: string][] = [
    ["listed", "listed", '"listed"'],
    ["listed", "nowhere", '"nowhere"'],
    ["listed", END, "END"],
    ["listed", send("listed", {}), 'a send to "listed"'],
    ["listed", ["other", null], "null"],
    ["labelled", "maybe", '"maybe"'],
    ["labelled", "other", '"other"'],
    ["labelled", END, "END"],
    ["labelled", send("listed", {}), 'a send to "listed"'],
    ["labelled", "constructor", '"constructor"'],
    ["labelled", "__proto__", '"__proto__"'],
  ];
  for (const [startAt, answer, shown] of undeclared) {
    const result = expectStatus(await pipelineOf(answer).invoke({}, { startAt }), "failed");
    assertInstanceOf(result.error, TypeError);
    const targets = startAt === "listed" ? '"other", "labelled"' : '"yes", "no"';
    for (const word of [shown, `node "${startAt}"`, 'pipeline "declared"', targets]) {
      assertStringIncludes(result.error.message, word);
    }
  }
  const sent = await pipelineOf(send("other", {})).invoke({}, { startAt: "labelled" });
  assertEquals(sent.completedNodes, ["labelled", "other"]);
});

Deno.test("the failure of one edge among many names its own node", async () => {
  const thrown = new Error("no way");
  const edges: [name: string, answer: () => unknown][] = [
    ["throws", () => {
      throw thrown;
    }],
    ["leads nowhere", () => "nowhere"],
    ["sends what has no stored form", () => send("last", { log: () => {} })],
  ];
  for (const [name, answer] of edges) {
    const pipeline = definePipeline({
      name: "many",
      state: unchecked<Work>(),
      nodes: { split: () => {}, good: () => {}, bad: () => {}, last: () => {} },
      start: "split",
      edges: {
        split: ["good", "bad"],
        good: "last",
        bad: () => untyped<"last">(answer()),
        last: END,
      },
    }, { checkpointer: watch() });
    const { failedNode } = expectStatus(await pipeline.invoke({}), "failed");
    assertEquals(failedNode, "bad", `the edge that ${name}`);
  }
});

Deno.test("an edge sees a frozen state", async () => {
  const pipeline = definePipeline({
    name: "frozen",
    state: unchecked<Work>(),
    reducers: { log: append },
    nodes: { one: (state) => ({ log: `${state.count}` }) },
    start: "one",
    edges: {
      one: (state) => {
        state.log.push("from the edge");
        return END;
      },
    },
  });
  const { error, state } = expectStatus(await pipeline.invoke({ count: 1 }), "failed");
  assertInstanceOf(error, TypeError);
  assertEquals(state.log, ["1"]);
});
