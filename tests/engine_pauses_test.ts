import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  append,
  type Checkpointer,
  definePipeline,
  END,
  pause,
  type PendingPause,
  RunPausedError,
  send,
  StalePauseError,
  unchecked,
} from "../mod.ts";
import { expectStatus, watch } from "./engine_probes.ts";

interface Release {
  approved: boolean;
  item: string;
  log: string[];
}

/** One pause, and an edge that looks at what the approval brought. */
function release(checkpointer: Checkpointer, told: string[] = []) {
  return definePipeline({
    name: "release",
    state: unchecked<Release>(),
    reducers: { log: append },
    nodes: {
      approval: (state) => {
        told.push("approval runs");
        return pause(`release ${state.item}?`);
      },
      deploy: (_state) => ({ log: "deployed" }),
    },
    start: "approval",
    edges: {
      approval: {
        route: (state) => {
          told.push("edge asked");
          return state.approved ? "yes" : "no";
        },
        to: { yes: "deploy", no: END },
      },
      deploy: END,
    },
  }, { checkpointer });
}

Deno.test("a pause stops the run after its node, and its edge is not asked yet", async () => {
  const store = watch();
  const told: string[] = [];
  const result = await release(store, told).invoke({ item: "1.0" }, { runId: "r" });
  const { pauses } = expectStatus(result, "paused");
  assertEquals(withoutTime(pauses), [
    { id: "approval#1", reason: "release 1.0?", node: "approval" },
  ]);
  assert(Date.parse(pauses[0]?.at ?? "") <= Date.now(), "it does not say since when");
  assertEquals(result.completedNodes, ["approval"]);
  assertEquals(told, ["approval runs"]);
  const last = store.records.at(-1);
  assertEquals([last?.status, last?.paused, last?.pauseReason], ["paused", true, "release 1.0?"]);
  const [run] = await Array.fromAsync(store.listRuns("release"));
  assertEquals(run?.pauses, pauses);
});

Deno.test("an approval goes on where the run paused, and its node does not run again", async () => {
  const store = watch();
  const told: string[] = [];
  const pipeline = release(store, told);
  await pipeline.invoke({ item: "1.0" }, { runId: "r" });
  const update = { approved: true };
  const result = await pipeline.resume("r", { approvePause: true, update, by: "ana" });
  assertEquals(expectStatus(result, "completed").state.log, ["deployed"]);
  assertEquals(told, ["approval runs", "edge asked"]);
  const claim = store.records.find(({ nodeId }) => nodeId === "__resume__");
  assertEquals(claim?.resume, {
    at: claim?.resume?.at ?? "",
    approved: ["approval#1"],
    by: "ana",
    update,
  });
  assertEquals(claim?.state.approved, true);
});

Deno.test("without an approval a paused run does not go on, whatever else is passed", async () => {
  const store = watch();
  const pipeline = release(store);
  await pipeline.invoke({ item: "1.0" }, { runId: "r" });
  const saved = store.records.length;
  for (const options of [undefined, {}, { approvePause: false }, { update: { approved: true } }]) {
    const error = await assertRejects(() => pipeline.resume("r", options), RunPausedError);
    assertEquals(withoutTime(error.pauses), [{
      id: "approval#1",
      reason: "release 1.0?",
      node: "approval",
    }]);
    for (const word of ['"r"', '"release"', "approval#1", "release 1.0?", "approvePause"]) {
      assertStringIncludes(error.message, word);
    }
  }
  await assertRejects(() => pipeline.resume("r", { pauseId: "approval#1" }), RunPausedError);
  assertEquals(store.records.length, saved);
});

Deno.test("what is approved already, or never paused, is a stale pause", async () => {
  const store = watch();
  const pipeline = release(store);
  await pipeline.invoke({ item: "1.0" }, { runId: "r" });
  const wrong = { approvePause: true, pauseId: "approval#2" };
  const error = await assertRejects(() => pipeline.resume("r", wrong), StalePauseError);
  for (const word of ['"r"', '"release"', "approval#2", "paused"]) {
    assertStringIncludes(error.message, word);
  }
  await pipeline.resume("r", { approvePause: true, pauseId: "approval#1" });
  const saved = store.records.length;
  for (const pauseId of [undefined, "approval#1"]) {
    await assertRejects(
      () => pipeline.resume("r", { approvePause: true, pauseId }),
      StalePauseError,
      "completed",
    );
  }
  assertEquals(store.records.length, saved);
});

Deno.test("a pause in a cycle is a new one each time, and a late yes meets the wrong one", async () => {
  const store = watch();
  const pipeline = definePipeline({
    name: "rounds",
    state: unchecked<Release>(),
    nodes: { ask: (_state, { visit }) => pause(`round ${visit}?`) },
    start: "ask",
    edges: { ask: (state) => state.approved ? END : "ask" },
  }, { checkpointer: store });
  await pipeline.invoke({}, { runId: "r" });
  const first = { approvePause: true, pauseId: "ask#1" };
  const second = expectStatus(await pipeline.resume("r", first), "paused");
  assertEquals(second.pauses.map(({ id, reason }) => [id, reason]), [["ask#2", "round 2?"]]);
  await assertRejects(() => pipeline.resume("r", first), StalePauseError, "ask#1");
  const last = { approvePause: true, pauseId: "ask#2", update: { approved: true } };
  expectStatus(await pipeline.resume("r", last), "completed");
});

/** Each item is sent to one reviewer, who asks, answers or throws. */
function reviews(
  checkpointer: Checkpointer,
  review: (item: string) => ReturnType<typeof pause> | { log: string },
  calls: string[] = [],
) {
  return definePipeline({
    name: "reviews",
    state: unchecked<Release>(),
    reducers: { log: append },
    nodes: {
      split: () => {},
      reviewer: (state) => {
        calls.push(state.item);
        return review(state.item);
      },
      join: (state) => ({ log: `join after ${state.log?.length ?? 0}` }),
    },
    start: "split",
    edges: {
      split: (_state) => ["a", "b", "c"].map((item) => send("reviewer", { item })),
      reviewer: "join",
      join: END,
    },
  }, { checkpointer });
}

Deno.test("beside a pause the siblings finish and are folded", async () => {
  const store = watch();
  const calls: string[] = [];
  const pipeline = reviews(store, (item) => item === "b" ? pause("b?") : { log: item }, calls);
  const paused = expectStatus(await pipeline.invoke({}, { runId: "r" }), "paused");
  assertEquals(paused.state.log, ["a", "c"]);
  assertEquals(paused.completedNodes, ["split", "reviewer", "reviewer", "reviewer"]);
  const result = expectStatus(await pipeline.resume("r", { approvePause: true }), "completed");
  assertEquals(result.state.log, ["a", "c", "join after 2"]);
  assertEquals(calls, ["a", "b", "c"]);
});

Deno.test("of several pauses each needs its own yes, and the edges wait for the last", async () => {
  const store = watch();
  const pipeline = reviews(store, (item) => item === "b" ? { log: "b" } : pause(`${item}?`));
  const { pauses } = expectStatus(await pipeline.invoke({}, { runId: "r" }), "paused");
  assertEquals(pauses.map(({ id }) => id), ["reviewer#1", "reviewer#3"]);
  const error = await assertRejects(
    () => pipeline.resume("r", { approvePause: true }),
    RunPausedError,
    "pauseId",
  );
  assertEquals(error.pauses, pauses);

  const one = await pipeline.resume("r", { approvePause: true, pauseId: "reviewer#3", by: "ana" });
  assertEquals(expectStatus(one, "paused").pauses, pauses.slice(0, 1));
  assertEquals(one.completedNodes.includes("join"), false);
  await assertRejects(() => pipeline.resume("r"), RunPausedError);
  await assertRejects(
    () => pipeline.resume("r", { approvePause: true, pauseId: "reviewer#3" }),
    StalePauseError,
  );

  const update = { log: "by ben" };
  const two = await pipeline.resume("r", { approvePause: true, by: "ben", update });
  assertEquals(expectStatus(two, "completed").state.log, ["b", "by ben", "join after 2"]);
  const claims = store.records.flatMap(({ resume }) => resume ?? []);
  assertEquals(claims.map(({ by, approved }) => [by, approved]), [
    ["ana", ["reviewer#3"]],
    ["ben", ["reviewer#1"]],
  ]);
});

Deno.test("a pause beside a failure: the run fails first, and the pause remains", async () => {
  const store = watch();
  const calls: string[] = [];
  const failing = reviews(store, (item) => {
    if (item === "b") throw new Error("not today");
    return item === "a" ? pause("a?") : { log: item };
  }, calls);
  const failed = expectStatus(await failing.invoke({}, { runId: "r" }), "failed");
  assertInstanceOf(failed.error, Error);
  await assertRejects(() => failing.resume("r", { approvePause: true }), StalePauseError, "failed");

  const mended = reviews(store, (item) => ({ log: `${item} mended` }), calls);
  const paused = expectStatus(await mended.resume("r"), "paused");
  assertEquals(withoutTime(paused.pauses), [{ id: "reviewer#1", reason: "a?", node: "reviewer" }]);
  assertEquals(paused.state.log, ["b mended", "c"]);
  assertEquals(calls, ["a", "b", "c", "b"]);
  const result = expectStatus(await mended.resume("r", { approvePause: true }), "completed");
  assertEquals(result.state.log.length, 3);
});

Deno.test("a pause whose edge fails after the approval needs no second approval", async () => {
  const store = watch();
  const asking = (edge: (state: Readonly<Release>) => typeof END) =>
    definePipeline({
      name: "asking",
      state: unchecked<Release>(),
      nodes: { ask: () => pause("sure?") },
      start: "ask",
      edges: { ask: edge },
    }, { checkpointer: store });
  const broken = asking(() => {
    throw new Error("no way");
  });
  await broken.invoke({}, { runId: "r" });
  const failed = expectStatus(
    await broken.resume("r", { approvePause: true, by: "ana" }),
    "failed",
  );
  assertEquals(failed.failedNode, "ask");
  assertEquals(store.records.flatMap(({ resume }) => resume?.approved ?? []), ["ask#1"]);
  expectStatus(await asking(() => END).resume("r"), "completed");
});

Deno.test("an approval is stored before its edge is asked: a crash there needs no second yes", async () => {
  const store = watch();
  const approved: (readonly string[])[] = [];
  const pipeline = definePipeline({
    name: "asking",
    state: unchecked<Release>(),
    nodes: { ask: () => pause("sure?") },
    start: "ask",
    edges: {
      ask: async (_state) => {
        const latest = await store.loadLatest("asking", "r");
        approved.push(latest?.resume?.approved ?? []);
        return [];
      },
    },
  }, { checkpointer: store });
  await pipeline.invoke({}, { runId: "r" });
  await pipeline.resume("r", { approvePause: true });
  assertEquals(approved, [["ask#1"]]);
});

Deno.test("without a checkpointer a pause is a result too", async () => {
  const pipeline = definePipeline({
    name: "asking",
    state: unchecked<Release>(),
    nodes: { ask: async () => await Promise.resolve(pause("sure?")) },
    start: "ask",
    edges: { ask: END },
  });
  const { pauses } = expectStatus(await pipeline.invoke({}), "paused");
  assertEquals(pauses.map(({ reason }) => reason), ["sure?"]);
});

function withoutTime(pauses: readonly PendingPause[]): readonly PendingPause[] {
  return pauses.map(({ at: _, ...pause }) => pause);
}
