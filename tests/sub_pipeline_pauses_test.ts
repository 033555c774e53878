import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  AnswerValidationError,
  MemoryCheckpointer,
  type NodeContext,
  RunPausedError,
  StalePauseError,
  type StandardSchema,
} from "../mod.ts";
import { expectStatus, watch } from "./engine_probes.ts";
import {
  BOOK,
  books,
  INNER,
  type Review,
  reviews,
  reviewsOf,
  shelves,
  YES,
} from "./sub_pipeline_probes.ts";

Deno.test("its pause is the outer one's, and so are approval, answer and update", async () => {
  const store = watch();
  const ran: string[] = [];
  const outer = () => books(store, reviews({ questions: 1, ran }));
  const { pauses } = expectStatus(await outer().invoke(BOOK, { runId: "b" }), "paused");
  const [asked] = pauses;
  assertEquals([asked?.id, asked?.node, asked?.reason], [
    "review#1",
    "review",
    "question 1 on Ada 1?",
  ]);
  const waiting = (await reviewsOf(store))[0];
  assertEquals({ ...waiting, pauses: waiting?.pauses.map(({ id }) => id) }, {
    ...waiting,
    runId: INNER,
    status: "paused",
    pauses: ["ask#1"],
  });
  assertEquals(asked?.payload, {
    pipelineName: "reviews",
    runId: INNER,
    pauses: [{
      id: "ask#1",
      node: "ask",
      reason: "question 1 on Ada 1?",
      at: waiting?.pauses[0]?.at,
      payload: { text: "Ada 1", visit: 1 },
    }],
  });
  await assertRejects(() => outer().resume("b"), RunPausedError);
  const yes = { ...YES, answer: "yes", by: "ana", update: { word: "fine" } } as const;
  const result = expectStatus(await outer().resume("b", yes), "completed");
  assertEquals(result.state.log, ["Ada 1 is good after 2, yes", "printed"]);
  assertEquals(ran.filter((node) => node.startsWith("read")).length, 1);
  const claims = store.records.flatMap(({ pipelineName, resume }) =>
    resume === undefined ? [] : [[pipelineName, resume.approved, resume.by, resume.answer]]
  );
  assertEquals(claims, [
    ["books", ["review#1"], "ana", "yes"],
    ["reviews", ["ask#1"], "ana", "yes"],
  ]);
});

Deno.test("of several inner pauses each is asked for by itself: one yes approves one", async () => {
  const store = new MemoryCheckpointer();
  const outer = books(store, reviews({ questions: 3 }));
  const asked: (readonly (readonly [id: string, reason: string])[])[] = [];
  let result = await outer.invoke(BOOK, { runId: "b" });
  while (result.status === "paused") {
    asked.push(result.pauses.map(({ id, reason }) => [id, reason] as const));
    const approval = { ...YES, pauseId: result.pauses[0]?.id };
    result = await outer.resume("b", approval);
    await assertRejects(() => outer.resume("b", approval), StalePauseError);
  }
  assertEquals(asked, [
    [["review#1", "question 1 on Ada 1?"]],
    [["review#1.2", "question 2 on Ada 1?"]],
    [["review#1.3", "question 3 on Ada 1?"]],
  ]);
  assertEquals(expectStatus(result, "completed").state.log.length, 2);
});

Deno.test("what was approved directly needs no second yes of the outer pause", async () => {
  const store = new MemoryCheckpointer();
  const inner = reviews({ questions: 2, checkpointer: store });
  const outer = books(store, inner);
  await outer.invoke(BOOK, { runId: "b" });
  const direct = await inner.resume(INNER, { ...YES, pauseId: "ask#1" });
  expectStatus(direct, "paused");
  const second = expectStatus(await outer.resume("b", YES), "paused");
  assertEquals(second.pauses.map(({ reason }) => reason), ["question 2 on Ada 1?"]);
  expectStatus(await outer.resume("b", YES), "completed");
});

Deno.test("a rejection follows the inner edge, or ends the outer node as rejected", async () => {
  const ended = async (runId: string, hasInner: boolean, hasOuter: boolean) => {
    const store = new MemoryCheckpointer();
    const outer = () =>
      books(store, reviews({ questions: 1, hasRejected: hasInner }), {
        hasRejected: hasOuter,
      });
    await outer().invoke(BOOK, { runId });
    const result = await outer().reject(runId, { by: "ana", reason: "dull" });
    const inner = (await reviewsOf(store))[0];
    const history = await Array.fromAsync(store.history("reviews", inner?.runId ?? ""));
    const claim = history.find(({ resume }) => resume !== undefined)?.resume;
    assertEquals([claim?.rejected, claim?.by, claim?.reason], [["ask#1"], "ana", "dull"]);
    return [result.status, result.state.log, inner?.status];
  };
  const dropped = ["Ada 1 is dropped", "printed"];
  assertEquals(await ended("1", true, true), ["completed", dropped, "completed"]);
  assertEquals(await ended("2", true, false), ["completed", dropped, "completed"]);
  assertEquals(await ended("3", false, true), ["completed", ["buried"], "cancelled"]);
  assertEquals(await ended("4", false, false), ["cancelled", [], "cancelled"]);
});

Deno.test("an answer is looked at by the inner node's schema before anything is stored, and read once", async () => {
  const store = watch();
  const answer: StandardSchema = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value) =>
        value === "yes" ? { value: { said: value } } : { issues: [{ message: "say yes" }] },
    },
  };
  const judged: unknown[] = [];
  const judge = (_: Review, context: NodeContext) => void judged.push(context.answer);
  const outer = books(store, reviews({ questions: 1, answer, judge }));
  await outer.invoke(BOOK, { runId: "b" });
  const saved = store.records.length;
  const error = await assertRejects(
    () => outer.resume("b", { ...YES, answer: "no" }),
    AnswerValidationError,
    "say yes",
  );
  assertEquals(error.issues.length, 1);
  assertEquals(store.records.length, saved);
  expectStatus(await outer.resume("b", { ...YES, answer: "yes" }), "completed");
  assertEquals(judged, [{ said: "yes" }]);
});

Deno.test("the outer pause is over when the inner one is", async () => {
  const store = new MemoryCheckpointer();
  const outer = books(store, reviews({ questions: 1, expiresInMs: 60_000 }));
  const { pauses } = expectStatus(await outer.invoke(BOOK, { runId: "b" }), "paused");
  const inner = await store.loadLatest("reviews", INNER);
  assert(pauses[0]?.expiresAt !== undefined);
  assertEquals(pauses[0].expiresAt, inner?.pendingEdges[0]?.pause?.expiresAt);
});

Deno.test("a rejection survives a worker that dies before its outcome is stored", async () => {
  for (const hasInner of [true, false]) {
    const store = new MemoryCheckpointer();
    const inner = () => reviews({ questions: 1, hasRejected: hasInner });
    await books(store, inner(), { hasRejected: true }).invoke(BOOK, { runId: "b" });
    const dying = watch(({ pipelineName, nodeId }) => {
      if (pipelineName === "books" && nodeId !== "__resume__") throw new Error("power loss");
    }, store);
    await assertRejects(
      () => books(dying, inner(), { hasRejected: true }).reject("b"),
      Error,
      "power loss",
    );
    const log = hasInner ? ["Ada 1 is dropped", "printed"] : ["buried"];
    assertEquals((await books(store, inner(), { hasRejected: true }).resume("b")).state.log, log);
  }
});

Deno.test("sub-pipelines within sub-pipelines pause and go on through all levels, side by side", async () => {
  const store = new MemoryCheckpointer();
  const define = () => shelves(store, books(undefined, reviews({ questions: 1 })));
  const first = expectStatus(
    await define().invoke({ title: "", log: [] }, { runId: "s" }),
    "paused",
  );
  assertEquals(first.pauses.map(({ id, reason }) => [id, reason]), [
    ["book#1", "question 1 on Ada 1?"],
    ["book#2", "question 1 on Bob 1?"],
  ]);
  const bob = { ...YES, pauseId: "book#2", answer: "for Bob" } as const;
  const second = expectStatus(await define().resume("s", bob), "paused");
  assertEquals(second.pauses.map(({ id }) => id), ["book#1"]);
  const last = expectStatus(await define().resume("s", { ...YES, answer: "for Ada" }), "completed");
  assertEquals(last.state.log, [
    "Ada: Ada 1 is good after 2, for Ada, printed",
    "Bob: Bob 1 is good after 2, for Bob, printed",
    "closed",
  ]);
});

Deno.test("a fork has inner runs of its own, and approves nothing of the other's", async () => {
  const store = new MemoryCheckpointer();
  const ran: string[] = [];
  const outer = books(store, reviews({ questions: 1, ran }));
  await outer.invoke(BOOK, { runId: "b" });
  const sequence = (await store.loadLatest("books", "b"))?.sequence ?? -1;
  const fork = expectStatus(await outer.fork("b", { sequence, runId: "f" }), "paused");
  assertEquals(fork.pauses.map(({ id }) => id), ["review#1"]);
  const asked = expectStatus(await outer.resume("f", YES), "paused");
  assertEquals(asked.pauses.map(({ id }) => id), ["review#1.2"]);
  expectStatus(await outer.resume("f", YES), "completed");

  // The inner pauses of both have one id, and a worker dies between the inner one and the outer.
  await outer.fork("b", { sequence, runId: "g" });
  const dying = watch(({ runId, status }) => {
    if (runId === "g" && status === "paused") throw new Error("power loss");
  }, store);
  await assertRejects(
    () => books(dying, reviews({ questions: 1, ran })).resume("g", YES),
    Error,
    "power loss",
  );
  assertEquals(expectStatus(await outer.resume("g"), "paused").pauses.length, 1);
  assertEquals((await store.loadLatest("reviews", INNER))?.status, "paused");
  expectStatus(await outer.resume("b", YES), "completed");
});
