import { assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import {
  append,
  definePipeline,
  END,
  MemoryCheckpointer,
  subPipeline,
  SubPipelineError,
  unchecked,
} from "../mod.ts";
import { expectStatus, untilAborted } from "./engine_probes.ts";
import {
  BOOK,
  type Book,
  books,
  INNER,
  reviews,
  reviewsOf,
  shelves,
  YES,
} from "./sub_pipeline_probes.ts";

Deno.test("cancelling the outer run cancels the inner one, at work or waiting, from anywhere", async () => {
  const store = new MemoryCheckpointer();
  const control = new AbortController();
  const started = Promise.withResolvers<void>();
  const stopping = reviews({
    async judge(_, { signal }) {
      started.resolve();
      await untilAborted(signal);
    },
  });
  const cancelled = books(store, stopping).invoke(BOOK, { runId: "1", signal: control.signal });
  await started.promise;
  control.abort();
  expectStatus(await cancelled, "cancelled");

  await books(store, reviews({ questions: 1 })).invoke(BOOK, { runId: "2" });
  assertEquals(
    await books(store, reviews({ questions: 1 })).cancel("2", { by: "ana" }),
    "cancelled",
  );

  const again = Promise.withResolvers<void>();
  const working = reviews({
    async judge(_, { signal }) {
      again.resolve();
      await untilAborted(signal);
    },
  });
  const running = books(store, working, { leaseMs: 60 }).invoke(BOOK, { runId: "3" });
  await again.promise;
  assertEquals(await books(store, reviews({})).cancel("3"), "cancelled");
  expectStatus(await running, "cancelled");
  assertEquals((await reviewsOf(store)).map(({ runId, status }) => [runId, status]), [
    ["books/3/review/1", "cancelled"],
    ["books/2/review/1", "cancelled"],
    ["books/1/review/1", "cancelled"],
  ]);
  const history = await Array.fromAsync(store.history("reviews", "books/2/review/1"));
  assertEquals(history[0]?.resume?.by, "ana");

  // All of it stays resumable.
  expectStatus(await books(store, reviews({})).resume("1"), "completed");
  expectStatus(await books(store, reviews({ questions: 1 })).resume("2", YES), "completed");
});

Deno.test("a waiting inner run is cancelled too where the outer one is stopped by its signal", async () => {
  const store = new MemoryCheckpointer();
  const control = new AbortController();
  const started = Promise.withResolvers<void>();
  const define = (signalled: boolean) =>
    definePipeline({
      name: "books",
      state: unchecked<Book>(),
      nodes: {
        split: () => {},
        review: subPipeline(reviews({ questions: 1 }), {
          input: () => ({ text: "x", notes: [] }),
          output: () => {},
        }),
        other: async (_, { signal }) => {
          started.resolve();
          if (signalled) await untilAborted(signal);
        },
      },
      start: "split",
      edges: { split: ["review", "other"], review: END, other: END },
    }, { checkpointer: store });
  const running = define(true).invoke(BOOK, { runId: "b", signal: control.signal });
  await started.promise;
  while ((await reviewsOf(store))[0]?.status !== "paused") {
    await new Promise((go) => setTimeout(go));
  }
  control.abort();
  expectStatus(await running, "cancelled");
  assertEquals((await reviewsOf(store)).map(({ status }) => status), ["cancelled"]);
  expectStatus(await define(false).resume("b"), "paused");
  expectStatus(await define(false).resume("b", YES), "completed");
});

Deno.test("an inner run that somebody else cancels fails the node, and is resumed with it", async () => {
  const store = new MemoryCheckpointer();
  const inner = reviews({ questions: 1, checkpointer: store });
  const outer = books(store, inner);
  await outer.invoke(BOOK, { runId: "b" });
  const stopping = reviews({
    checkpointer: store,
    questions: 1,
    async judge() {
      await inner.cancel(INNER);
    },
  });
  const failed = expectStatus(await books(store, stopping).resume("b", YES), "failed");
  assertInstanceOf(failed.error, SubPipelineError);
  assertStringIncludes(failed.error.message, "cancelled");
  expectStatus(await outer.resume("b"), "completed");
});

Deno.test("deleting a run deletes what its tasks ever held, on all levels, and nothing else", async () => {
  const store = new MemoryCheckpointer();
  const define = () => shelves(store, books(undefined, reviews({ questions: 1 })));
  const runs = async () => {
    const counts: number[] = [];
    for (const name of ["shelves", "books", "reviews"]) {
      counts.push((await Array.fromAsync(store.listRuns(name))).length);
    }
    return counts;
  };
  for (const runId of ["s", "t"]) await define().invoke({ title: "", log: [] }, { runId });
  assertEquals(await runs(), [2, 4, 4]);
  await define().deleteRun("s");
  assertEquals(await runs(), [1, 2, 2]);
  await define().deleteRun("s");
  await define().deleteRun("nobody");
  for (const pauseId of ["book#1", "book#2"]) await define().resume("t", { ...YES, pauseId });
  assertEquals((await store.loadLatest("shelves", "t"))?.status, "completed");
  await define().prune({ olderThanMs: 0 });
  assertEquals(await runs(), [0, 0, 0]);
});

Deno.test("a renamed node finds the runs that it held under its old name, and deletes them", async () => {
  const store = new MemoryCheckpointer();
  const ran: string[] = [];
  await books(store, reviews({ questions: 1, ran })).invoke(BOOK, { runId: "b" });
  const renamed = definePipeline({
    name: "books",
    renamed: { review: "check" },
    state: unchecked<Book>(),
    reducers: { log: append },
    nodes: {
      write: () => {},
      check: subPipeline(reviews({ questions: 1, ran }), {
        input: () => ({ text: "another", notes: [] }),
        output: ({ verdict }) => ({ log: verdict }),
      }),
    },
    start: "write",
    edges: { write: "check", check: END },
  }, { checkpointer: store });
  const pauseId = "review#1";
  const result = await renamed.resume("b", { ...YES, pauseId, answer: "yes" });
  assertEquals(expectStatus(result, "completed").state.log, ["good after 1, yes"]);
  assertEquals(ran.length, 2);
  await renamed.deleteRun("b");
  assertEquals(await reviewsOf(store), []);
});
