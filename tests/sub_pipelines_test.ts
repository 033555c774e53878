import { assertEquals, assertInstanceOf, assertStringIncludes, assertThrows } from "@std/assert";
import {
  type Checkpointer,
  definePipeline,
  END,
  InputValidationError,
  MemoryCheckpointer,
  type StandardSchema,
  subPipeline,
  SubPipelineError,
  unchecked,
} from "../mod.ts";
import { expectStatus, untyped } from "./engine_probes.ts";
import {
  BOOK,
  type Book,
  books,
  INNER,
  type Review,
  reviews,
  reviewsOf,
} from "./sub_pipeline_probes.ts";

Deno.test("a sub-pipeline runs with a history of its own, under the id of its task", async () => {
  const store = new MemoryCheckpointer();
  const ran: string[] = [];
  const inner = reviews({ ran, checkpointer: store });
  const result = await books(store, inner).invoke(BOOK, { runId: "b" });
  assertEquals(expectStatus(result, "completed").state.log, [
    "Ada 1 is good after 1, undefined",
    "printed",
  ]);
  assertEquals(ran, [`read reviews/${encodeURIComponent(INNER)}/read/1`, "judge"]);
  const history = await Array.fromAsync(inner.history(INNER));
  assertEquals(history.map(({ nodeId }) => nodeId), ["judge", "read", "__start__"]);
  assertEquals(history[0]?.state.verdict, "good after 1, undefined");
  const again = await books(store, inner).resume("b");
  assertEquals(again.state, result.state);
  assertEquals(ran.length, 2);
});

Deno.test("it is kept by its own checkpointer if it has one, else by the outer one's", async () => {
  const [outer, own] = [new MemoryCheckpointer(), new MemoryCheckpointer()];
  await books(outer, reviews({ checkpointer: own })).invoke(BOOK, { runId: "b" });
  await books(outer, reviews({})).invoke(BOOK, { runId: "c" });
  const runsOf = async (store: Checkpointer) =>
    (await Array.fromAsync(store.listRuns("reviews"))).map(({ runId }) => runId);
  assertEquals(await runsOf(own), [INNER]);
  assertEquals(await runsOf(outer), ["books/c/review/1"]);
  expectStatus(await books(undefined, reviews({})).invoke(BOOK), "completed");
});

Deno.test("an inner failure fails the node, and the next try goes on where it failed", async () => {
  const store = new MemoryCheckpointer();
  const ran: string[] = [];
  const cause = new Error("no judge");
  let isBroken = true;
  const judge = () => {
    if (isBroken) throw cause;
  };
  const outer = books(store, reviews({ ran, judge }));
  const failed = expectStatus(await outer.invoke(BOOK, { runId: "b" }), "failed");
  assertEquals(failed.failedNode, "review");
  assertInstanceOf(failed.error, SubPipelineError);
  assertEquals(failed.error.cause, cause);
  assertEquals([failed.error.pipelineName, failed.error.runId], ["reviews", INNER]);
  for (const word of ['"judge"', "no judge", INNER, '"reviews"']) {
    assertStringIncludes(failed.error.message, word);
  }
  isBroken = false;
  expectStatus(await outer.resume("b"), "completed");
  assertEquals(ran.map((node) => node.split(" ")[0]), ["read", "judge", "judge"]);
});

Deno.test("retries of the node go on with the inner run too", async () => {
  const ran: string[] = [];
  let broken = 2;
  const inner = reviews({
    ran,
    judge: () => {
      if (broken-- > 0) throw new Error("not yet");
    },
  });
  const outer = definePipeline({
    name: "books",
    state: unchecked<Book>(),
    nodes: {
      review: {
        ...subPipeline(inner, {
          input: (state: Book) => ({ text: state.title, notes: [] }),
          output: ({ verdict }) => ({ chapter: verdict }),
        }),
        retry: { attempts: 3 },
      },
    },
    start: "review",
    edges: { review: END },
  }, { checkpointer: new MemoryCheckpointer() });
  expectStatus(await outer.invoke(BOOK), "completed");
  assertEquals(ran.map((node) => node.split(" ")[0]), ["read", "judge", "judge", "judge"]);
});

Deno.test("an input that the inner schema refuses fails the node, and starts nothing", async () => {
  const store = new MemoryCheckpointer();
  const refusing: StandardSchema<Partial<Review>, Review> = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: () => ({ issues: [{ message: "no such text" }] }),
    },
  };
  const inner = definePipeline({
    name: "reviews",
    state: refusing,
    nodes: { read: () => {} },
    start: "read",
    edges: { read: END },
  });
  const outer = definePipeline({
    name: "books",
    state: unchecked<Book>(),
    nodes: { review: subPipeline(inner, { input: () => ({}), output: () => {} }) },
    start: "review",
    edges: { review: END },
  }, { checkpointer: store });
  const failed = expectStatus(await outer.invoke(BOOK), "failed");
  assertInstanceOf(failed.error, InputValidationError);
  assertEquals(await reviewsOf(store), []);
});

Deno.test("what is no pipeline, or no node of subPipeline, is refused with what to do", async () => {
  const options = { input: () => ({}), output: () => {} };
  for (const wrong of [undefined, {}, { name: "reviews" }]) {
    assertThrows(
      () => subPipeline(untyped<ReturnType<typeof reviews>>(wrong), options),
      TypeError,
      "definePipeline",
    );
  }
  for (const part of ["input", "output"]) {
    assertThrows(
      () => subPipeline(reviews({}), untyped<typeof options>({ ...options, [part]: undefined })),
      TypeError,
      part,
    );
  }
  const node = subPipeline(reviews({}), { input: () => ({}), output: () => ({ word: "" }) });
  const wrapped = definePipeline({
    name: "books",
    state: unchecked<Book>(),
    nodes: { review: (state, context) => node.run(state, context) },
    start: "review",
    edges: { review: END },
  });
  const failed = expectStatus(await wrapped.invoke(BOOK), "failed");
  assertInstanceOf(failed.error, TypeError);
  assertStringIncludes(failed.error.message, "subPipeline");
});

Deno.test("types: what goes in and comes out is checked on both sides", () => {
  const common = {
    name: "books",
    state: unchecked<Book>(),
    start: "review",
    edges: { review: END },
  } as const;
  const text = ({ title }: Book) => ({ text: title, notes: [] });
  definePipeline({
    ...common,
    nodes: {
      review: subPipeline(reviews({}), {
        input: async (book: Book) => await Promise.resolve({ text: book.title }),
        output: async ({ verdict }, { log }) => ({ log: [...log, await Promise.resolve(verdict)] }),
        update: () => undefined,
      }),
    },
  });
  subPipeline(reviews({}), {
    // @ts-expect-error a text is no number
    input: () => ({ text: 7 }),
    output: () => {},
  });
  subPipeline(reviews({}), {
    input: text,
    // @ts-expect-error the inner state has no field "verdcit"
    output: ({ verdcit }) => ({ word: verdcit }),
  });
  subPipeline(reviews({}), {
    input: text,
    output: () => {},
    // @ts-expect-error notes takes one item
    update: () => ({ notes: ["one"] }),
  });
  definePipeline({
    ...common,
    nodes: {
      // @ts-expect-error a chapter is text
      review: subPipeline(reviews({}), { input: text, output: () => ({ chapter: 7 }) }),
    },
  });
  definePipeline({
    ...common,
    nodes: {
      // @ts-expect-error the outer state has no field "chaptre"
      review: subPipeline(reviews({}), { input: text, output: () => ({ chaptre: "" }) }),
    },
  });
});
