import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import {
  append,
  type Checkpointer,
  CheckpointSaveError,
  definePipeline,
  END,
  MemoryCheckpointer,
  pause,
  send,
  unchecked,
} from "../mod.ts";
import { expectStatus, turns, untilAborted, watch } from "./engine_probes.ts";

interface Work {
  item: number;
  log: string[];
}

type Effect = (signal: AbortSignal) => unknown;

/** Two nodes in a line; what the first one does beside its update is handed in. */
function line(checkpointer: Checkpointer | undefined, effect: Effect, calls: string[] = []) {
  return definePipeline({
    name: "line",
    state: unchecked<Work>(),
    reducers: { log: append },
    nodes: {
      one: async (_state, { node, signal }) => {
        calls.push(node);
        await effect(signal);
        return { log: node };
      },
      two: (_state, { node }) => {
        calls.push(node);
        return { log: node };
      },
    },
    start: "one",
    edges: { one: "two", two: END },
  }, { checkpointer });
}

/** A signal that counts who listens. */
function watchedController() {
  const controller = new AbortController();
  const { signal } = controller;
  const listeners = { added: 0, left: 0 };
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listeners.added++;
    listeners.left++;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listeners.left--;
    removeEventListener.apply(signal, args);
  };
  return { controller, signal, listeners };
}

Deno.test("a signal that aborted before the start: nothing runs, and the run can be resumed", async () => {
  const store = watch();
  const calls: string[] = [];
  const pipeline = line(store, () => {}, calls);
  const result = await pipeline.invoke({}, { runId: "r", signal: AbortSignal.abort() });
  expectStatus(result, "cancelled");
  assertEquals(calls, []);
  assertEquals(store.records.map(({ nodeId, status }) => [nodeId, status]), [
    ["__start__", "running"],
    ["__cancel__", "cancelled"],
  ]);
  const resumed = expectStatus(await pipeline.resume("r"), "completed");
  assertEquals(resumed.state.log, ["one", "two"]);
});

Deno.test("an abort while a node runs that does not care takes effect after its step", async () => {
  const store = new MemoryCheckpointer();
  const controller = new AbortController();
  const calls: string[] = [];
  const pipeline = line(store, () => controller.abort(), calls);
  const options = { runId: "r", signal: controller.signal };
  const result = expectStatus(await pipeline.invoke({}, options), "cancelled");
  assertEquals(result.state.log, ["one"]);
  assertEquals(result.completedNodes, ["one"]);
  const resumed = expectStatus(await pipeline.resume("r"), "completed");
  assertEquals(resumed.state.log, ["one", "two"]);
  assertEquals(calls, ["one", "two"]);
});

Deno.test("an abort after the last step comes too late: the run is completed", async () => {
  const controller = new AbortController();
  const store = watch(({ status }) => {
    if (status === "completed") controller.abort();
  });
  const { signal } = controller;
  expectStatus(await line(store, () => {}).invoke({}, { signal }), "completed");
});

Deno.test("a node's signal aborts with the caller's reason, and its task is still to be done", async () => {
  const store = watch();
  const controller = new AbortController();
  const calls: string[] = [];
  let reason: unknown;
  const pipeline = line(store, async (signal) => {
    if (calls.length > 1) return;
    controller.abort("shutting down");
    await untilAborted(signal).catch((error) => {
      reason = error;
      throw error;
    });
  }, calls);
  const options = { runId: "r", signal: controller.signal };
  const result = expectStatus(await pipeline.invoke({}, options), "cancelled");
  assertEquals(reason, "shutting down");
  assertEquals(result.completedNodes, []);
  assertEquals(store.records.at(-1)?.tasks, [{ node: "one", visit: 1, status: "pending" }]);
  const resumed = expectStatus(await pipeline.resume("r"), "completed");
  assertEquals(resumed.state.log, ["one", "two"]);
  assertEquals(calls, ["one", "one", "two"]);
});

Deno.test("in a fan-out what finished is kept, what was aborted or waited runs on resume", async () => {
  const store = watch();
  const controller = new AbortController();
  const calls: number[] = [];
  const pipeline = definePipeline({
    name: "fan-out",
    state: unchecked<Work>(),
    reducers: { log: append },
    nodes: {
      split: () => {},
      worker: async (state, { signal }) => {
        calls.push(state.item);
        if (state.item === 0 || controller.signal.aborted) return { log: `${state.item}` };
        if (state.item === 1) return pause("one?");
        await turns(20);
        controller.abort();
        return await untilAborted(signal);
      },
    },
    start: "split",
    edges: {
      split: (_state) => [0, 1, 2, 3].map((item) => send("worker", { item })),
      worker: END,
    },
  }, { checkpointer: store, concurrency: 3 });
  const options = { runId: "r", signal: controller.signal };
  const result = expectStatus(await pipeline.invoke({}, options), "cancelled");
  assertEquals(result.completedNodes, ["split"]);
  assertEquals(store.records.at(-1)?.status, "cancelled");
  const done = store.records.at(-1)?.tasks.map(({ status }) => status);
  assertEquals(done?.slice(0, 3), ["finished", "paused", "pending"]);
  calls.length = 0;
  const paused = expectStatus(await pipeline.resume("r"), "paused");
  assertEquals(paused.state.log[0], "0");
  assertEquals(calls.includes(0) || calls.includes(1), false);
  expectStatus(await pipeline.resume("r", { approvePause: true }), "completed");
  assertEquals(calls.includes(2), true);
});

Deno.test("an abort stops the wait before a retry at once", async () => {
  const controller = new AbortController();
  const retried = Promise.withResolvers<void>();
  const pipeline = definePipeline({
    name: "retrying",
    state: unchecked<Work>(),
    nodes: {
      one: {
        run: () => {
          throw new Error("not today");
        },
        retry: { attempts: 5, delayMs: 10_000 },
      },
    },
    start: "one",
    edges: { one: END },
  }, { onEvent: ({ type }) => type === "taskRetried" && retried.resolve() });
  let status = "";
  const run = pipeline.invoke({}, { signal: controller.signal }).then((result) => {
    status = result.status;
  });
  await retried.promise;
  controller.abort();
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(status, "cancelled");
  await run;
});

Deno.test("resume may be cancelled like invoke", async () => {
  const store = new MemoryCheckpointer();
  const pipeline = line(store, () => {});
  await pipeline.invoke({}, { runId: "r", signal: AbortSignal.abort() });
  expectStatus(await pipeline.resume("r", { signal: AbortSignal.abort() }), "cancelled");
  expectStatus(await pipeline.resume("r"), "completed");
});

Deno.test("a cancelled run may be resumed by an update too", async () => {
  const pipeline = line(new MemoryCheckpointer(), () => {});
  await pipeline.invoke({}, { runId: "r", signal: AbortSignal.abort() });
  const { state } = await pipeline.resume("r", { update: { log: "by hand" } });
  assertEquals(state.log, ["by hand", "one", "two"]);
});

Deno.test("no listener stays on the caller's signal, however the run ends", async () => {
  const boom = new Error("boom");
  const aborting = watchedController();
  const runs: [end: string, effect: Effect, store: Checkpointer, watched: typeof aborting][] = [
    ["completes", () => {}, watch(), watchedController()],
    ["fails", () => Promise.reject(boom), watch(), watchedController()],
    ["cannot be saved", () => {}, watch(() => Promise.reject(boom)), watchedController()],
    ["is cancelled", () => aborting.controller.abort(), watch(), aborting],
  ];
  for (const [end, effect, store, { signal, listeners }] of runs) {
    await line(store, effect).invoke({}, { signal }).catch((error) => {
      assertStrictEquals(error.cause, boom);
    });
    assertEquals([listeners.added > 0, listeners.left], [true, 0], `a run that ${end}`);
  }
});

Deno.test("a failed save of the cancellation rejects", async () => {
  const cause = new Error("disk full");
  const store = watch(({ status }) => {
    if (status === "cancelled") throw cause;
  });
  const error = await assertRejects(
    () => line(store, () => {}).invoke({}, { signal: AbortSignal.abort() }),
    CheckpointSaveError,
  );
  assertStrictEquals(error.cause, cause);
});
