/**
 * Pipelines over the backend: what failed or stopped in one process goes on in another.
 *
 * @module
 */

import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import {
  append,
  type Checkpointer,
  definePipeline,
  END,
  pause,
  RecursionLimitError,
  send,
  unchecked,
} from "../../mod.ts";
import { EVERY_VALUE } from "./samples.ts";
import type { Test } from "./store.ts";

/** Registers the tests. */
export function testEngine(test: Test): void {
  test("a factory whose deployer fails goes on elsewhere, and does nothing twice", async (store) => {
    const ran: string[] = [];
    const taskIds: string[] = [];
    const first = await defineFactory(store.checkpointer, ran, taskIds, true)
      .invoke({ requirements: "login, search, export" }, { runId: "r" });
    assert(first.status === "failed");
    assertEquals(first.failedNode, "deployer");
    const [failed] = await Array.fromAsync(store.checkpointer.listRuns("factory"));
    assertEquals([failed?.status, failed?.nodeId], ["failed", "deployer"]);
    assertInstanceOf(first.error, Error);
    assertEquals(first.error.message, "no route to host");
    assertEquals(ran, ["architect", "developer", "developer", "developer", "deployer"]);

    const elsewhere = defineFactory(await store.again(), ran, taskIds, false);
    const second = await elsewhere.resume("r");
    assertEquals(second.status, "completed");
    assertEquals(second.state.files, ["login.ts", "search.ts", "export.ts"]);
    assertEquals(second.state.evaluation, "PASS https://example.com/3");
    const completed = ["architect", "developer", "developer", "developer", "deployer", "evaluator"];
    assertEquals(second.completedNodes, completed);
    assertEquals(ran, [...completed.slice(0, 5), "deployer", "evaluator"]);
    const [failedTask, retriedTask] = taskIds.slice(4);
    assertEquals(retriedTask, failedTask);
    assertEquals(new Set(taskIds).size, completed.length);

    assertEquals(await elsewhere.resume("r"), second);
    assertEquals(await defineFactory(store.checkpointer, ran, taskIds, false).resume("r"), second);
    assertEquals(ran.length, 7);
    const runs = await Array.fromAsync(elsewhere.listRuns({ status: "completed" }));
    assertEquals(runs.map(({ runId, nodeId }) => [runId, nodeId]), [["r", "evaluator"]]);
  });

  test("a state of every kind of value is the same where the run goes on", async (store) => {
    let seen: object = {};
    let isBroken = true;
    const define = (checkpointer: Checkpointer) =>
      definePipeline({
        name: "values",
        state: unchecked<{ values?: unknown; given: unknown }>(),
        nodes: {
          make: (state) => ({ values: state.given }),
          check: (state) => {
            if (isBroken) throw new Error("not yet");
            seen = state;
          },
        },
        start: "make",
        edges: { make: "check", check: END },
      }, { checkpointer });
    const first = await define(store.checkpointer).invoke({ given: EVERY_VALUE }, { runId: "r" });
    assertEquals(first.status, "failed");
    isBroken = false;
    const second = await define(await store.again()).resume("r");
    assertEquals(second.status, "completed");
    assertEquals<object>(seen, { given: EVERY_VALUE, values: EVERY_VALUE });
    assertEquals<object>(second.state, seen);
  });

  test("of a fan-out only the failed worker runs again, and the order is kept", async (store) => {
    const ran: string[] = [];
    const ended = [0, 1, 2, 3, 4].map(() => Promise.withResolvers<void>());
    let isBroken = true;
    const define = (checkpointer: Checkpointer) =>
      definePipeline({
        name: "fan-out",
        state: unchecked<{ item: number; results: readonly string[] }>(),
        reducers: { results: append },
        nodes: {
          split: () => {},
          work: async ({ item }, { visit }) => {
            ran.push(`work ${item}`);
            // The last one ends first.
            await ended[item + 1]?.promise;
            ended[item]?.resolve();
            if (item === 2 && isBroken) throw new Error("worker 2");
            return { results: `${item} on visit ${visit}` };
          },
          join: ({ results }) => {
            ran.push(`join ${results.length}`);
          },
        },
        start: "split",
        edges: {
          split: [0, 1, 2, 3, 4].map((item) => send("work", { item })),
          work: "join",
          join: END,
        },
      }, { checkpointer });
    const first = await define(store.checkpointer).invoke({ item: -1, results: [] }, {
      runId: "r",
    });
    assert(first.status === "failed");
    assertEquals(first.failures.map(({ node, visit }) => [node, visit]), [["work", 3]]);
    assertEquals(ran.toSorted(), ["work 0", "work 1", "work 2", "work 3", "work 4"]);
    isBroken = false;
    const second = await define(await store.again()).resume("r");
    assertEquals(second.status, "completed");
    assertEquals(
      second.state.results,
      [0, 1, 2, 3, 4].map((item) => `${item} on visit ${item + 1}`),
    );
    assertEquals(second.completedNodes, ["split", ...Array(5).fill("work"), "join"]);
    assertEquals(ran.slice(5), ["work 2", "join 5"]);
  });

  test("the limit of a cycle counts over the whole life of a run", async (store) => {
    const define = (checkpointer: Checkpointer, recursionLimit: number) =>
      definePipeline({
        name: "cycle",
        state: unchecked<{ ticks: readonly number[] }>(),
        reducers: { ticks: append },
        nodes: { tick: (_, { visit }) => ({ ticks: visit }), ask: () => pause("more?") },
        start: "tick",
        edges: {
          tick: ({ ticks }) => ticks.length === 2 ? "ask" : ticks.length < 8 ? "tick" : END,
          ask: "tick",
        },
      }, { checkpointer, recursionLimit });
    const other = await store.again();
    const first = await define(store.checkpointer, 5).invoke({ ticks: [] }, { runId: "r" });
    assertEquals(first.status, "paused");
    assertEquals(first.state.ticks, [1, 2]);
    for (const request of [{ approvePause: true }, {}, {}]) {
      const limited = await define(other, 5).resume("r", request);
      assert(limited.status === "failed");
      assertInstanceOf(limited.error, RecursionLimitError);
      assertEquals(limited.state.ticks, [1, 2, 3, 4]);
      const runs = await Array.fromAsync(store.checkpointer.listRuns("cycle"));
      assertEquals(runs.map(({ status }) => status), ["failed"]);
    }
    const last = await define(other, 9).resume("r");
    assertEquals(last.status, "completed");
    assertEquals(last.state.ticks, [1, 2, 3, 4, 5, 6, 7, 8]);
  });
}

interface Factory {
  readonly requirements: string;
  readonly items: readonly string[];
  readonly item: string;
  readonly files: readonly string[];
  readonly url: string;
  readonly evaluation: string;
}

function defineFactory(
  checkpointer: Checkpointer,
  ran: string[],
  taskIds: string[],
  isBroken: boolean,
) {
  const note = ({ node, taskId }: { readonly node: string; readonly taskId: string }) => {
    ran.push(node);
    taskIds.push(taskId);
  };
  return definePipeline({
    name: "factory",
    state: unchecked<Factory>(),
    reducers: { files: append },
    nodes: {
      architect: ({ requirements }, context) => {
        note(context);
        return { items: requirements.split(", ") };
      },
      developer: ({ item }, context) => {
        note(context);
        return { files: `${item}.ts` };
      },
      deployer: ({ files }, context) => {
        note(context);
        if (isBroken) throw new Error("no route to host");
        return { url: `https://example.com/${files.length}` };
      },
      evaluator: ({ url }, context) => {
        note(context);
        return { evaluation: `PASS ${url}` };
      },
    },
    start: "architect",
    edges: {
      architect: ({ items }) => items.map((item) => send("developer", { item })),
      developer: "deployer",
      deployer: "evaluator",
      evaluator: END,
    },
  }, { checkpointer });
}
