import { assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import {
  definePipeline,
  END,
  type Node,
  NodeTimeoutError,
  type RetryOptions,
  type RunEvent,
  unchecked,
  type Update,
} from "../mod.ts";
import { expectStatus, turns, untilAborted } from "./engine_probes.ts";

interface Work {
  count: number;
}

/** One node with options. */
function single(
  node: Node<Work, Update<Work, object>>,
  onEvent?: (event: RunEvent<Work>) => void,
) {
  return definePipeline({
    name: "single",
    state: unchecked<Work>(),
    nodes: { work: node },
    start: "work",
    edges: { work: END },
  }, { onEvent });
}

/** Fails until the given attempt. */
function goodAt(attempt: number, retry: RetryOptions) {
  const attempts: number[] = [];
  const taskIds = new Set<string>();
  const retried: [attempt: number, error: unknown][] = [];
  const pipeline = single({
    run: (_state, context) => {
      attempts.push(context.attempt);
      taskIds.add(context.taskId);
      if (context.attempt < attempt) throw `attempt ${context.attempt}`;
      return { count: context.attempt };
    },
    retry,
  }, (event) => {
    if (event.type === "taskRetried") retried.push([event.attempt, event.error]);
  });
  return { pipeline, attempts, taskIds, retried };
}

Deno.test("a node that throws is tried again, as often as it says", async () => {
  const { pipeline, attempts, taskIds, retried } = goodAt(3, { attempts: 3 });
  const result = expectStatus(await pipeline.invoke({}), "completed");
  assertEquals(result.state.count, 3);
  assertEquals(attempts, [1, 2, 3]);
  assertEquals(taskIds.size, 1, "every try has the same task id");
  assertEquals(retried, [[1, "attempt 1"], [2, "attempt 2"]]);
  assertEquals(result.completedNodes, ["work"]);
});

Deno.test("after the last attempt its error is the result's", async () => {
  const { pipeline, attempts, retried } = goodAt(4, { attempts: 3, delayMs: 1 });
  const { error } = expectStatus(await pipeline.invoke({}), "failed");
  assertEquals(error, "attempt 3");
  assertEquals(attempts, [1, 2, 3]);
  assertEquals(retried.length, 2);
});

Deno.test("without retry there is one attempt", async () => {
  let attempts = 0;
  const pipeline = single({
    run: () => {
      attempts++;
      throw new Error("no");
    },
  });
  expectStatus(await pipeline.invoke({}), "failed");
  assertEquals(attempts, 1);
});

Deno.test("an attempt that takes too long fails by name, and its signal aborts", async () => {
  const reasons: unknown[] = [];
  const pipeline = single({
    run: async (_state, { signal }) => {
      await untilAborted(signal).catch((reason) => reasons.push(reason));
      throw new Error("a late error is dropped");
    },
    timeoutMs: 1,
  });
  const { error } = expectStatus(await pipeline.invoke({}, { runId: "r" }), "failed");
  assertInstanceOf(error, NodeTimeoutError);
  assertEquals([error.name, error.runId, error.pipelineName], ["NodeTimeoutError", "r", "single"]);
  for (const word of ['"work"', '"r"', '"single"', "1 ms"]) {
    assertStringIncludes(error.message, word);
  }
  assertEquals(reasons, [error]);
});

Deno.test("a late answer is dropped, a late rejection is handled, and the retry counts", async () => {
  const late = Promise.withResolvers<{ count: number }>();
  const lateFailure = Promise.withResolvers<never>();
  const signals: AbortSignal[] = [];
  const pipeline = single({
    run: (_state, { attempt, signal }) => {
      signals.push(signal);
      if (attempt === 1) return late.promise;
      if (attempt === 2) return lateFailure.promise;
      late.resolve({ count: 100 });
      lateFailure.reject(new Error("nobody listens any more"));
      return turns(10).then(() => ({ count: attempt }));
    },
    timeoutMs: 5,
    retry: { attempts: 3 },
  });
  const { state } = expectStatus(await pipeline.invoke({}), "completed");
  assertEquals(state.count, 3);
  assertEquals(signals.map(({ aborted }) => aborted), [true, true, false]);
});

Deno.test("a node in time leaves no timer behind, whatever it does", async () => {
  const ways = [
    () => ({ count: 1 }),
    async () => await Promise.resolve({ count: 1 }),
    () => {
      throw new Error("no");
    },
  ];
  // The sanitizers of Deno's test runner fail this test if a timer is left.
  for (const run of ways) await single({ run, timeoutMs: 60_000 }).invoke({});
});

Deno.test("a limit beyond what a timer can count is no limit", async () => {
  for (const timeoutMs of [Infinity, Number.MAX_SAFE_INTEGER, 2 ** 31]) {
    const pipeline = single({
      run: async () => {
        // Long enough for a timer that overflowed, and fires at once.
        await new Promise((resolve) => setTimeout(resolve, 20));
        return { count: 1 };
      },
      timeoutMs,
    });
    expectStatus(await pipeline.invoke({}), "completed");
  }
});

Deno.test("the run's own signal still reaches a node with a time limit", async () => {
  const controller = new AbortController();
  const pipeline = single({
    run: async (_state, { signal }) => {
      controller.abort();
      return await untilAborted(signal);
    },
    timeoutMs: 60_000,
    retry: { attempts: 3 },
  });
  expectStatus(await pipeline.invoke({}, { signal: controller.signal }), "cancelled");
});
