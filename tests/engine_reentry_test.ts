import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  AnswerValidationError,
  append,
  type Checkpointer,
  definePipeline,
  END,
  MemoryCheckpointer,
  type NodeContext,
  pause,
  PauseExpiredError,
  rejected,
  RunPausedError,
  send,
  StalePauseError,
  unchecked,
} from "../mod.ts";
import { assertChanges, expectStatus, watch } from "./engine_probes.ts";
import { withQuickTimers } from "./quick_timers.ts";

interface Talk {
  readonly item: string;
  readonly factor: number;
  readonly log: readonly string[];
}

const YES = { approvePause: true } as const;

/** Asks again until the answer is "enough", and then tells what it heard. */
function interview(checkpointer: Checkpointer | undefined, told: NodeContext[] = []) {
  return definePipeline({
    name: "talks",
    state: unchecked<Talk>(),
    reducers: { log: append },
    nodes: {
      ask: (state, context) => {
        told.push(context);
        const { reentry } = context;
        if (reentry?.approved === false) return rejected();
        if (reentry?.answer === "enough") return { log: `done, factor ${state.factor}` };
        const question = `question ${told.length}?`;
        return pause(question, { reenter: true, payload: { question }, expiresInMs: 60_000 });
      },
      end: () => ({ log: "end" }),
      sorry: () => ({ log: "sorry" }),
    },
    start: "ask",
    edges: {
      ask: { route: () => "on", to: { on: "end" }, rejected: "sorry" },
      end: END,
      sorry: END,
    },
  }, checkpointer && { checkpointer });
}

const TALK = { item: "", factor: 1, log: [] };

Deno.test("a pause that re-enters its node: the same task runs again and is told what was said", async () => {
  const store = watch();
  const told: NodeContext[] = [];
  const talks = interview(store, told);
  const first = expectStatus(await talks.invoke(TALK, { runId: "r" }), "paused");
  assertEquals(first.completedNodes, [], "the visit is not over");
  assertEquals(store.records.at(-1)?.tasks.map(({ status }) => status), ["paused"]);
  assertEquals(first.pauses.map(({ id, node }) => [id, node]), [["ask#1", "ask"]]);
  const more = { ...YES, answer: "more", by: "ana" } as const;
  const second = expectStatus(await talks.resume("r", more), "paused");
  assertEquals(second.pauses.map(({ id, reason }) => [id, reason]), [["ask#1.2", "question 2?"]]);
  const last = { ...YES, pauseId: "ask#1.2", answer: "enough", update: { factor: 7 } } as const;
  const result = expectStatus(await talks.resume("r", last), "completed");
  assertEquals(result.state.log, ["done, factor 7", "end"]);
  assertEquals(result.completedNodes, ["ask", "end"]);
  assertEquals(
    told.map(({ taskId, visit }) => [taskId, visit]),
    Array(3).fill(["talks/r/ask/1", 1]),
  );
  assertEquals(told[0]?.reentry, undefined);
  const { pauses: [asked] } = first;
  assert(asked !== undefined);
  assertEquals({ ...told[1]?.reentry, at: "" }, {
    pause: asked,
    approved: true,
    at: "",
    by: "ana",
    answer: "more",
  });
  assertChanges(store);
});

Deno.test("each of its pauses needs an answer of its own, and each answer counts once", async () => {
  const store = watch();
  const talks = interview(store);
  await talks.invoke(TALK, { runId: "r" });
  await assertRejects(() => talks.resume("r"), RunPausedError, "ask#1");
  await talks.resume("r", { ...YES, pauseId: "ask#1" });
  const saved = store.records.length;
  await assertRejects(() => talks.resume("r", { ...YES, pauseId: "ask#1" }), StalePauseError);
  await assertRejects(() => talks.reject("r", { pauseId: "ask#1" }), StalePauseError);
  assertEquals(store.records.length, saved);
  const [listed] = await Array.fromAsync(talks.listRuns({ status: "paused" }));
  assertEquals(listed?.pauses.map(({ id, payload }) => [id, payload]), [
    ["ask#1.2", { question: "question 2?" }],
  ]);
});

Deno.test("a rejection re-enters the node too, which may end as rejected", async () => {
  const store = new MemoryCheckpointer();
  const told: NodeContext[] = [];
  const talks = interview(store, told);
  await talks.invoke(TALK, { runId: "r" });
  const result = await talks.reject("r", { by: "ana", reason: "no time" });
  assertEquals(expectStatus(result, "completed").state.log, ["sorry"]);
  const said = told.at(-1)?.reentry;
  assertEquals([said?.approved, said?.by, said?.reason], [false, "ana", "no time"]);
  const history = await Array.fromAsync(talks.history("r"));
  const [claim] = history.flatMap(({ resume }) => resume ?? []);
  assertEquals([claim?.rejected, claim?.by, claim?.reason], [["ask#1"], "ana", "no time"]);
});

Deno.test("a node that ends as rejected without a target cancels the run, what was done is kept", async () => {
  const define = (checkpointer: Checkpointer | undefined) =>
    definePipeline({
      name: "talks",
      state: unchecked<Talk>(),
      reducers: { log: append },
      nodes: {
        split: () => {},
        ask: ({ item }, { reentry }) => {
          if (item === "b") return { log: "b" };
          return reentry === undefined ? pause("a?", { reenter: true }) : rejected();
        },
        end: () => ({ log: "end" }),
      },
      start: "split",
      edges: {
        split: ["a", "b"].map((item) => send("ask", { item })),
        ask: "end",
        end: END,
      },
    }, checkpointer && { checkpointer });
  const store = new MemoryCheckpointer();
  await define(store).invoke(TALK, { runId: "r" });
  const result = await define(store).reject("r");
  assertEquals(expectStatus(result, "cancelled").state.log, ["b"]);
  assertEquals((await store.loadLatest("talks", "r"))?.status, "cancelled");
  const resumed = await define(store).resume("r");
  assertEquals(expectStatus(resumed, "completed").state.log, ["b", "end"]);
});

/** Three reviewers side by side: each asks before it does its part. */
function reviews(checkpointer: Checkpointer, ran: string[], broken: readonly string[] = []) {
  return definePipeline({
    name: "reviews",
    state: unchecked<Talk>(),
    reducers: { log: append },
    nodes: {
      split: () => {},
      review: ({ item, log }, { reentry }) => {
        ran.push(item);
        if (broken.includes(item)) throw new Error(`${item} is broken`);
        if (item === "b") return { log: "b" };
        if (reentry === undefined) return pause(`${item}?`, { reenter: true });
        return { log: `${item} ${reentry.answer} after ${log.length}` };
      },
      join: ({ log }) => ({ log: `joined ${log.length}` }),
    },
    start: "split",
    edges: {
      split: ["a", "b", "c"].map((item) => send("review", { item })),
      review: "join",
      join: END,
    },
  }, { checkpointer });
}

Deno.test("side by side each is re-entered by its own answer, and the step is folded in task order", async () => {
  const store = watch();
  const ran: string[] = [];
  const first = expectStatus(await reviews(store, ran).invoke(TALK, { runId: "r" }), "paused");
  assertEquals(first.pauses.map(({ id }) => id), ["review#1", "review#3"]);
  assertEquals(first.state.log, [], "a step under way was folded");
  await assertRejects(() => reviews(store, ran).resume("r", YES), RunPausedError, "pauseId");
  const late = { ...YES, pauseId: "review#3", answer: "fine" } as const;
  const second = expectStatus(await reviews(store, ran).resume("r", late), "paused");
  assertEquals(second.pauses.map(({ id }) => id), ["review#1"]);
  const last = await reviews(store, ran).resume("r", { ...YES, answer: "good" });
  assertEquals(expectStatus(last, "completed").state.log, [
    "a good after 0",
    "b",
    "c fine after 0",
    "joined 3",
  ]);
  assertEquals(ran, ["a", "b", "c", "c", "a"]);
});

Deno.test("a worker that dies on the way back into the node loses no answer", async () => {
  const store = new MemoryCheckpointer();
  const ran: string[] = [];
  await reviews(store, ran).invoke(TALK, { runId: "r" });
  const dying = watch((record) => {
    if (record.resume === undefined && record.status !== "running") throw new Error("power loss");
  }, store);
  const late = { ...YES, pauseId: "review#3", answer: "fine" } as const;
  await assertRejects(() => reviews(dying, ran).resume("r", late), Error, "power loss");
  const paused = expectStatus(await reviews(store, ran).resume("r"), "paused");
  assertEquals(paused.pauses.map(({ id }) => id), ["review#1"]);
  const last = await reviews(store, ran).resume("r", { ...YES, answer: "good" });
  assertEquals(last.state.log[2], "c fine after 0");
});

Deno.test("a node that throws when it is re-entered is run again with the same answer", async () => {
  const store = new MemoryCheckpointer();
  const ran: string[] = [];
  await reviews(store, ran).invoke(TALK, { runId: "r" });
  const answer = { ...YES, pauseId: "review#1", answer: "good" } as const;
  const failed = expectStatus(await reviews(store, ran, ["a"]).resume("r", answer), "failed");
  assertInstanceOf(failed.error, Error);
  assertEquals(failed.error.message, "a is broken");
  const paused = expectStatus(await reviews(store, ran).resume("r"), "paused");
  assertEquals(paused.pauses.map(({ id }) => id), ["review#3"]);
  const last = await reviews(store, ran).resume("r", { ...YES, answer: "fine" });
  assertEquals(last.state.log.slice(0, 3), ["a good after 0", "b", "c fine after 0"]);
});

Deno.test("what ended as rejected stays so while the step waits for something else", async () => {
  const store = watch();
  const ask = (_: Talk, { reentry }: NodeContext) => {
    if (reentry === undefined) return pause("sure?", { reenter: true });
    return reentry.approved ? { log: "approved" } : rejected();
  };
  const define = () =>
    definePipeline({
      name: "talks",
      state: unchecked<Talk>(),
      reducers: { log: append },
      nodes: {
        split: () => {},
        one: ask,
        two: ask,
        end: () => ({ log: "end" }),
        sorry: () => ({ log: "sorry" }),
      },
      start: "split",
      edges: {
        split: ["one", "two"],
        one: { route: () => "end", to: ["end"], rejected: "sorry" },
        two: "end",
        end: END,
        sorry: END,
      },
    }, { checkpointer: store });
  await define().invoke(TALK, { runId: "r" });
  const paused = expectStatus(await define().reject("r", { pauseId: "one#1" }), "paused");
  assertEquals(paused.pauses.map(({ id }) => id), ["two#1"]);
  const result = expectStatus(await define().resume("r", YES), "completed");
  assertEquals(result.state.log, ["approved", "sorry", "end"]);
  assertChanges(store);
});

Deno.test("a step that waits has been heard of: recoveries begin anew", async () => {
  const store = new MemoryCheckpointer();
  await interview(store).invoke(TALK, { runId: "r" });
  const start = (await Array.fromAsync(store.history("talks", "r"))).at(-1);
  assert(start !== undefined);
  await store.save({ ...start, runId: "dead", leaseMs: 0, recoveries: 4 });
  const [recovery] = await interview(store).recover();
  assertEquals(recovery?.result?.status, "paused");
  assertEquals((await store.loadLatest("talks", "dead"))?.recoveries, undefined);
});

Deno.test("a run that waits is cancelled and forked with its pauses", async () => {
  const store = new MemoryCheckpointer();
  const talks = interview(store);
  const { runId } = await talks.invoke(TALK, { runId: "r" });
  const sequence = (await store.loadLatest("talks", runId))?.sequence ?? -1;
  const fork = expectStatus(await talks.fork("r", { sequence, runId: "f" }), "paused");
  assertEquals(fork.pauses.map(({ id }) => id), ["ask#1"]);
  assertEquals(await talks.cancel("r"), "cancelled");
  for (const id of ["f", "r"]) {
    await assertRejects(() => talks.resume(id), RunPausedError);
    const result = await talks.resume(id, { ...YES, answer: "enough" });
    assertEquals(expectStatus(result, "completed").state.log, ["done, factor 1", "end"]);
  }
});

Deno.test("its answer is looked at by what the node says for this pause, before anything is stored", async () => {
  const store = watch();
  const word = (word: string) => ({
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value: unknown) =>
        value === word ? { value: value.toUpperCase() } : { issues: [{ message: `not ${word}` }] },
    },
  } as const);
  const pipeline = definePipeline({
    name: "words",
    state: unchecked<Talk>(),
    reducers: { log: append },
    nodes: {
      ask: {
        run: (_, { reentry }) =>
          reentry?.answer === "B"
            ? { log: "done" }
            : pause(reentry === undefined ? "a" : "b", { reenter: true }),
        answer: ({ reason }) => word(reason),
      },
    },
    start: "ask",
    edges: { ask: END },
  }, { checkpointer: store });
  await pipeline.invoke(TALK, { runId: "r" });
  const saved = store.records.length;
  await assertRejects(() => pipeline.resume("r", { ...YES, answer: "b" }), AnswerValidationError);
  assertEquals(store.records.length, saved);
  expectStatus(await pipeline.resume("r", { ...YES, answer: "a" }), "paused");
  await assertRejects(() => pipeline.resume("r", { ...YES, answer: "a" }), AnswerValidationError);
  expectStatus(await pipeline.resume("r", { ...YES, answer: "b" }), "completed");
});

Deno.test("a pause that re-enters may be over in time, and can be rejected then", async () => {
  const store = new MemoryCheckpointer();
  const pipeline = definePipeline({
    name: "short",
    state: unchecked<Talk>(),
    nodes: {
      ask: (_, { reentry }) =>
        reentry === undefined ? pause("now?", { reenter: true, expiresInMs: 1 }) : rejected(),
    },
    start: "ask",
    edges: { ask: END },
  }, { checkpointer: store });
  await pipeline.invoke({}, { runId: "r" });
  await new Promise((resolve) => setTimeout(resolve, 5));
  await assertRejects(() => pipeline.resume("r", YES), PauseExpiredError);
  expectStatus(await pipeline.reject("r"), "cancelled");
});

Deno.test("without a checkpointer a pause that re-enters is a result too", async () => {
  const result = expectStatus(await interview(undefined).invoke(TALK), "paused");
  assertEquals(result.pauses.map(({ reason }) => reason), ["question 1?"]);
});

Deno.test("what was said is kept while the task that it went to waits for its next attempt", async () => {
  const store = new MemoryCheckpointer();
  const told: NodeContext[] = [];
  const talks = (fails: boolean) =>
    definePipeline({
      name: "talks",
      state: unchecked<Talk>(),
      reducers: { log: append },
      nodes: {
        ask: {
          run: (_, context) => {
            told.push(context);
            if (context.reentry === undefined) return pause("may I?", { reenter: true });
            if (fails) throw new Error("not yet");
            return { log: `said ${context.reentry.answer}` };
          },
          retry: { attempts: 2, delayMs: 3_600_000 },
        },
      },
      start: "ask",
      edges: { ask: END },
    }, { checkpointer: store });
  expectStatus(await talks(true).invoke(TALK, { runId: "r" }), "paused");
  const cancelling = new AbortController();
  const request = { ...YES, answer: "yes", signal: cancelling.signal };
  for await (const event of talks(true).stream({ resume: "r", ...request })) {
    if (event.type === "taskRetried") cancelling.abort();
  }
  const [task] = (await store.loadLatest("talks", "r"))?.tasks ?? [];
  assert(task?.status === "pending");
  assertEquals([task.attempt, task.reentry?.answer], [1, "yes"]);
  const result = await withQuickTimers(async () => {
    assertEquals(expectStatus(await talks(false).resume("r"), "completed").state.log, ["said yes"]);
  });
  assert(result.length > 0, "it waited for its turn");
  assertEquals(told.map(({ attempt }) => attempt), [1, 1, 2]);
});
