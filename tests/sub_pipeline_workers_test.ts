import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  append,
  type Checkpointer,
  definePipeline,
  END,
  MemoryCheckpointer,
  subPipeline,
  unchecked,
} from "../mod.ts";
import { expectStatus, watch } from "./engine_probes.ts";
import { FaultyCheckpointer } from "./faulty_checkpointer.ts";
import {
  BOOK,
  type Book,
  books,
  INNER,
  type Review,
  reviews,
  reviewsOf,
  YES,
} from "./sub_pipeline_probes.ts";

Deno.test("wherever a worker dies, inside or outside, the run ends as if it had not", async () => {
  /** Does what there is to do, as another process that finds the run as it is. */
  async function live(checkpointer: Checkpointer, ran: string[]) {
    const outer = books(checkpointer, reviews({ questions: 2, ran }));
    let record = await checkpointer.loadLatest("books", "b");
    if (record === undefined) {
      await outer.invoke(BOOK, { runId: "b" });
      record = await checkpointer.loadLatest("books", "b");
    }
    for (;;) {
      const [pending] = record?.pendingEdges ?? [];
      const answer = { ...YES, pauseId: pending?.pause?.id, answer: "yes" };
      const result = await outer.resume("b", pending?.pause === undefined ? {} : answer);
      if (result.status !== "paused") return result;
      record = await checkpointer.loadLatest("books", "b");
    }
  }
  const counting = new FaultyCheckpointer(new MemoryCheckpointer());
  const undisturbed = await live(counting, []);
  assertEquals(expectStatus(undisturbed, "completed").state.log.length, 2);
  for (let nth = 1; nth <= counting.calls.save; nth++) {
    for (const how of ["before", "after"] as const) {
      const store = new MemoryCheckpointer();
      const ran: string[] = [];
      const dying = new FaultyCheckpointer(store, { at: "save", nth, how }, true);
      await live(dying, ran).catch(() => {});
      assert(dying.isMet, `${how} ${nth}`);
      const result = await live(store, ran);
      assertEquals(result, undisturbed, `${how} ${nth}`);
      assertEquals((await reviewsOf(store)).map(({ status }) => status), ["completed"]);
      assertEquals(new Set(ran).size, 2);
      assert(ran.length <= 3, `${how} ${nth}: ${ran}`);
    }
  }
});

Deno.test("whoever takes the outer run takes the inner one, though its worker seems to be alive", async () => {
  const store = new MemoryCheckpointer();
  const [started, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const stuck = books(
    store,
    reviews({
      async judge() {
        started.resolve();
        await released.promise;
      },
    }),
  );
  const lost = stuck.invoke(BOOK, { runId: "b" });
  await started.promise;
  const ran: string[] = [];
  const other = books(store, reviews({ ran }));
  const result = await other.resume("b", { takeOver: true });
  assertEquals(expectStatus(result, "completed").state.log.length, 2);
  assertEquals(ran, ["judge"]);
  released.resolve();
  await assertRejects(() => lost, Error, "another worker went on");
});

Deno.test("who lost the outer run takes the inner one from nobody", async () => {
  const store = new MemoryCheckpointer();
  let attempts = 0;
  const [tried, released, working] = [
    Promise.withResolvers<void>(),
    Promise.withResolvers<void>(),
    Promise.withResolvers<void>(),
  ];
  const define = (judge: () => unknown) =>
    definePipeline({
      name: "books",
      state: unchecked<Book>(),
      nodes: {
        review: {
          ...subPipeline(reviews({ judge }), {
            input: (state: Book) => ({ text: state.title, notes: [] }),
            output: ({ verdict }) => ({ chapter: verdict }),
          }),
          retry: { attempts: 5 },
        },
      },
      start: "review",
      edges: { review: END },
    }, { checkpointer: store });
  const lost = define(async () => {
    attempts++;
    tried.resolve();
    await released.promise;
    throw new Error("try again");
  }).invoke(BOOK, { runId: "b" });
  await tried.promise;
  const end = Promise.withResolvers<void>();
  const winner = define(async () => {
    working.resolve();
    await end.promise;
  }).resume("b", { takeOver: true });
  await working.promise;
  released.resolve();
  await assertRejects(() => lost, Error, "another worker went on");
  end.resolve();
  expectStatus(await winner, "completed");
  assertEquals(attempts, 1);
});

Deno.test("recover goes on with both where both workers died", async () => {
  const store = new MemoryCheckpointer();
  const dying = watch(({ pipelineName, nodeId }) => {
    if (pipelineName === "reviews" && nodeId === "judge") throw new Error("power loss");
    if (pipelineName === "books" && nodeId === "review") throw new Error("power loss");
  }, store);
  await assertRejects(() => books(dying, reviews({})).invoke(BOOK, { runId: "b" }), Error);
  for (const name of ["books", "reviews"]) {
    const runId = name === "books" ? "b" : INNER;
    const latest = await store.loadLatest(name, runId);
    assert(latest !== undefined);
    // A lease that never ends, as far as the inner run is concerned.
    const leaseMs = name === "books" ? 1 : 1e9;
    await store.save({ ...latest, sequence: latest.sequence + 1, writer: "dead", leaseMs });
  }
  await new Promise((resolve) => setTimeout(resolve, 5));
  const [recovery] = await books(store, reviews({})).recover();
  assertEquals(recovery?.result?.status, "completed");
});

Deno.test("draining the outer pipeline drains the inner run, and another worker goes on with both", async () => {
  const store = new MemoryCheckpointer();
  const [started, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const inner = definePipeline({
    name: "reviews",
    state: unchecked<Review>(),
    reducers: { notes: append },
    nodes: {
      one: async () => {
        started.resolve();
        await released.promise;
        return { notes: "one" };
      },
      two: () => ({ notes: "two" }),
    },
    start: "one",
    edges: { one: "two", two: END },
  });
  const define = () =>
    definePipeline({
      name: "books",
      state: unchecked<Book>(),
      reducers: { log: append },
      nodes: {
        review: subPipeline(inner, {
          input: () => ({ notes: [] }),
          output: ({ notes }) => ({ log: notes.join() }),
        }),
      },
      start: "review",
      edges: { review: END },
    }, { checkpointer: store });
  const outer = define();
  const running = outer.invoke(BOOK, { runId: "b" });
  await started.promise;
  const drained = outer.drain();
  released.resolve();
  await drained;
  expectStatus(await running, "drained");
  const latest = await store.loadLatest("reviews", INNER);
  assertEquals([latest?.status, latest?.leaseMs, latest?.completedNodes], ["running", 0, ["one"]]);
  const [recovery] = await define().recover();
  assertEquals(recovery?.result?.state.log, ["one,two"]);
});

Deno.test("an approval that came in time holds, however long the inner run takes to hear of it", async () => {
  const store = new MemoryCheckpointer();
  const inner = () => reviews({ questions: 1, expiresInMs: 200 });
  await books(store, inner()).invoke(BOOK, { runId: "b" });
  const dying = watch(({ pipelineName }) => {
    if (pipelineName === "reviews") throw new Error("power loss");
  }, store);
  expectStatus(await books(dying, inner()).resume("b", YES), "failed");
  await new Promise((resolve) => setTimeout(resolve, 250));
  expectStatus(await books(store, inner()).resume("b"), "completed");
});

Deno.test("of two workers that start the inner run at once, one does, and nobody fails", async () => {
  const store = new MemoryCheckpointer();
  const ran: string[] = [];
  const late = watch(() => {}, store);
  await books(store, reviews({ ran })).invoke(BOOK, { runId: "b" });
  const [latest] = await Array.fromAsync(store.history("books", "b"));
  assert(latest !== undefined);
  const start = (await Array.fromAsync(store.history("books", "b"))).at(-2);
  assert(start !== undefined);
  await store.save({ ...start, sequence: latest.sequence + 1, leaseMs: 0 });
  let isFirst = true;
  const blind: Checkpointer = {
    ...late,
    async loadLatest(pipelineName, runId) {
      if (pipelineName !== "reviews" || !isFirst) {
        return await store.loadLatest(pipelineName, runId);
      }
      isFirst = false;
    },
  };
  expectStatus(await books(blind, reviews({ ran })).resume("b"), "completed");
  assertEquals([isFirst, ran.length], [false, 2]);
});
