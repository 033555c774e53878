/**
 * Approvals as records: what is shown, what is answered, what is rejected, and by whom.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  AnswerValidationError,
  append,
  type Checkpointer,
  definePipeline,
  END,
  pause,
  PauseExpiredError,
  RunPausedError,
  send,
  StalePauseError,
  type StandardSchema,
  unchecked,
} from "../../mod.ts";
import type { Test } from "./store.ts";

interface Release {
  readonly version: string;
  readonly log: readonly string[];
}

/** Answers with the environment to deploy to. */
const environment: StandardSchema = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: (value) =>
      value === "staging" || value === "production"
        ? { value: { environment: value } }
        : { issues: [{ message: `no environment: ${value}` }] },
  },
};

function releases(checkpointer: Checkpointer, expiresInMs?: number) {
  return definePipeline({
    name: "releases",
    state: unchecked<Release>(),
    reducers: { log: append },
    nodes: {
      approval: {
        run: ({ version }) =>
          pause(`release ${version}?`, {
            payload: { version, since: new Date(0), sizes: [1, 2] },
            expiresInMs,
          }),
        answer: environment,
      },
      deploy: (_, { answer }) => ({ log: `deployed with ${JSON.stringify(answer)}` }),
      tell: (_, { answer }) => ({ log: `told, ${answer}` }),
    },
    start: "approval",
    edges: {
      approval: {
        route: (_, { answer }) => answer === undefined ? "none" : "deploy",
        to: { deploy: "deploy", none: END },
        rejected: "tell",
      },
      deploy: "tell",
      tell: END,
    },
  }, { checkpointer });
}

/** Registers the tests. */
export function testApprovals(test: Test): void {
  test("a pause shows what it is about and since when, to whoever lists it", async (store) => {
    const before = Date.now();
    const first = await releases(store.checkpointer, 60_000).invoke({ version: "1" }, {
      runId: "r",
    });
    assert(first.status === "paused");
    const elsewhere = releases(await store.again());
    const [listed] = await Array.fromAsync(elsewhere.listRuns({ status: "paused" }));
    assertEquals(listed?.pauses, first.pauses);
    const [shown] = first.pauses;
    assertEquals(shown?.payload, { version: "1", since: new Date(0), sizes: [1, 2] });
    const at = Date.parse(shown?.at ?? "");
    assert(at >= before && at <= Date.now(), `paused at ${shown?.at}`);
    assertEquals(Date.parse(shown?.expiresAt ?? ""), at + 60_000);
    const error = await assertRejects(() => elsewhere.resume("r"), RunPausedError);
    assertEquals(error.pauses, first.pauses);
  });

  test("an answer is checked, and reaches the edge and the nodes that follow", async (store) => {
    await releases(store.checkpointer).invoke({ version: "1" }, { runId: "r" });
    const elsewhere = releases(await store.again());
    for (const answer of ["the moon", undefined]) {
      await assertRejects(
        () => elsewhere.resume("r", { approvePause: true, answer }),
        AnswerValidationError,
        "no environment",
      );
    }
    await assertRejects(() => elsewhere.resume("r", { answer: "staging" }), TypeError, "approve");
    assertEquals((await store.checkpointer.loadLatest("releases", "r"))?.status, "paused");
    const result = await elsewhere.resume("r", {
      approvePause: true,
      answer: "staging",
      by: "ana",
    });
    assertEquals(result.state.log, [
      'deployed with {"environment":"staging"}',
      "told, undefined",
    ]);
    const history = await Array.fromAsync(releases(store.checkpointer).history("r"));
    const approval = history.find(({ resume }) => resume !== undefined)?.resume;
    assertEquals([approval?.approved, approval?.by, approval?.answer], [
      ["approval#1"],
      "ana",
      { environment: "staging" },
    ]);
  });

  test("a rejected pause leads where its edge says, and cannot be approved any more", async (store) => {
    await releases(store.checkpointer).invoke({ version: "1" }, { runId: "r" });
    const elsewhere = releases(await store.again());
    const result = await elsewhere.reject("r", {
      pauseId: "approval#1",
      by: "ana",
      reason: "too early",
    });
    assertEquals([result.status, result.state.log], ["completed", ["told, undefined"]]);
    await assertRejects(
      () => elsewhere.resume("r", { approvePause: true, answer: "staging" }),
      StalePauseError,
    );
    await assertRejects(() => elsewhere.reject("r"), StalePauseError);
    const history = await Array.fromAsync(elsewhere.history("r"));
    const rejection = history.find(({ resume }) => resume !== undefined)?.resume;
    assertEquals(
      [rejection?.approved, rejection?.rejected, rejection?.by, rejection?.reason],
      [[], ["approval#1"], "ana", "too early"],
    );
  });

  test("without a target for it a rejection cancels the run", async (store) => {
    const define = (checkpointer: Checkpointer) =>
      definePipeline({
        name: "asking",
        state: unchecked<{ done: boolean }>(),
        nodes: { ask: () => pause("sure?"), act: () => ({ done: true }) },
        start: "ask",
        edges: { ask: "act", act: END },
      }, { checkpointer });
    await define(store.checkpointer).invoke({ done: false }, { runId: "r" });
    const elsewhere = define(await store.again());
    assertEquals((await elsewhere.reject("r", { by: "ana" })).status, "cancelled");
    assertEquals((await Array.fromAsync(elsewhere.listRuns()))[0]?.status, "cancelled");
    await assertRejects(() => elsewhere.resume("r", { approvePause: true }), StalePauseError);
    assertEquals((await elsewhere.resume("r")).state.done, false, "a rejected node went on");
  });

  test("a pause whose time is over can be rejected and not approved", async (store) => {
    await releases(store.checkpointer, 1).invoke({ version: "1" }, { runId: "r" });
    await new Promise((resolve) => setTimeout(resolve, 10));
    const elsewhere = releases(await store.again());
    const late = { approvePause: true, answer: "staging" } as const;
    const error = await assertRejects(() => elsewhere.resume("r", late), PauseExpiredError);
    assertEquals(error.pauseId, "approval#1");
    assertEquals((await elsewhere.reject("r")).status, "completed");
  });

  test("one yes never approves two pauses, nor does one no reject them", async (store) => {
    const define = (checkpointer: Checkpointer) =>
      definePipeline({
        name: "reviews",
        state: unchecked<{ item: string; log: string[] }>(),
        reducers: { log: append },
        nodes: {
          split: () => {},
          review: ({ item }) => pause(`${item}?`, { payload: item }),
          join: (state) => ({ log: `joined after ${state.log.length}` }),
        },
        start: "split",
        edges: {
          split: () => [send("review", { item: "a" }), send("review", { item: "b" })],
          review: "join",
          join: END,
        },
      }, { checkpointer });
    const first = await define(store.checkpointer).invoke({ item: "", log: [] }, { runId: "r" });
    assert(first.status === "paused");
    assertEquals(first.pauses.map(({ id, payload }) => [id, payload]), [
      ["review#1", "a"],
      ["review#2", "b"],
    ]);
    const elsewhere = define(await store.again());
    await assertRejects(() => elsewhere.resume("r", { approvePause: true }), RunPausedError);
    await assertRejects(() => elsewhere.reject("r"), RunPausedError, "reject");
    await assertRejects(
      () => elsewhere.resume("r", { approvePause: true, pauseId: "review#3" }),
      StalePauseError,
    );
    const second = await elsewhere.resume("r", { approvePause: true, pauseId: "review#2" });
    assert(second.status === "paused");
    assertEquals(second.pauses.map(({ id }) => id), ["review#1"]);
    await assertRejects(
      () => elsewhere.resume("r", { approvePause: true, pauseId: "review#2" }),
      StalePauseError,
    );
    const last = await elsewhere.resume("r", { approvePause: true });
    assertEquals([last.status, last.state.log], ["completed", ["joined after 0"]]);
  });

  test("of two pauses of one node, a yes and a no each lead where they say", async (store) => {
    const define = (checkpointer: Checkpointer) =>
      definePipeline({
        name: "two",
        state: unchecked<{ item: string; log: string[] }>(),
        reducers: { log: append },
        nodes: {
          split: () => {},
          review: ({ item }) => pause(`${item}?`),
          publish: (_, { answer }) => ({ log: `published ${answer}` }),
          archive: () => ({ log: "archived" }),
        },
        start: "split",
        edges: {
          split: () => [send("review", { item: "a" }), send("review", { item: "b" })],
          review: { route: () => "publish", to: ["publish"], rejected: "archive" },
          publish: END,
          archive: END,
        },
      }, { checkpointer });
    const orders = [["r", "review#1", "review#2"], ["s", "review#2", "review#1"]] as const;
    for (const [runId, yes, no] of orders) {
      await define(store.checkpointer).invoke({ item: "", log: [] }, { runId });
      const elsewhere = define(await store.again());
      await elsewhere.resume(runId, { approvePause: true, pauseId: yes, answer: "soon" });
      const result = await elsewhere.reject(runId, { pauseId: no });
      assertEquals(result.status, "completed");
      assertEquals(result.state.log.toSorted(), ["archived", "published soon"]);
    }
  });

  test("what a node needed attempts for is in the history, also where its pause is rejected", async (store) => {
    const define = (checkpointer: Checkpointer) =>
      definePipeline({
        name: "attempts",
        state: unchecked<{ log: string[] }>(),
        reducers: { log: append },
        nodes: {
          ask: {
            run: (_, { attempt }) => {
              if (attempt === 1) throw new Error("not yet");
              return pause("sure?");
            },
            retry: { attempts: 2, delayMs: 0 },
          },
          tell: () => ({ log: "told" }),
        },
        start: "ask",
        edges: { ask: { route: () => END, to: [END], rejected: "tell" }, tell: END },
      }, { checkpointer });
    await define(store.checkpointer).invoke({ log: [] }, { runId: "r" });
    const elsewhere = define(await store.again());
    assertEquals((await elsewhere.reject("r")).state.log, ["told"]);
    const history = await Array.fromAsync(define(store.checkpointer).history("r"));
    const asked = history.find(({ attempts }) => attempts.length > 0);
    assertEquals(asked?.attempts, [{ node: "ask", visit: 1, attempts: 2 }]);
    assertEquals(asked?.status, "paused");
  });
}
