import { assertEquals, assertInstanceOf, assertRejects, assertStrictEquals } from "@std/assert";
import {
  CheckpointSaveError,
  definePipeline,
  END,
  InputValidationError,
  MemoryCheckpointer,
  type PipelineOptions,
  RunNotFoundError,
  unchecked,
} from "../mod.ts";
import { untilAborted, untyped, watch } from "./engine_probes.ts";
import { z } from "zod";

interface Work {
  count: number;
}

type Effect = (signal: AbortSignal) => unknown;

function counter(options: PipelineOptions<Work> = {}, effect: Effect = () => {}) {
  return definePipeline({
    name: "counter",
    state: unchecked<Work>(),
    nodes: {
      add: async (state, { signal }) => {
        await effect(signal);
        return { count: state.count + 1 };
      },
    },
    start: "add",
    edges: { add: (state) => state.count < 2 ? "add" : END },
  }, options);
}

Deno.test("a stream brings every event, the result last, and closes", async () => {
  const events = await Array.fromAsync(counter().stream({ input: { count: 0 }, runId: "r" }));
  assertEquals(events.map(({ type }) => type), [
    "runStarted",
    "taskStarted",
    "taskFinished",
    "taskStarted",
    "taskFinished",
    "runEnded",
  ]);
  const last = events.at(-1);
  assertEquals(last?.type === "runEnded" && last.result, {
    runId: "r",
    status: "completed",
    state: { count: 2 },
    completedNodes: ["add", "add"],
  });
});

Deno.test("a stream starts at the node it is told, and resumes a run", async () => {
  const checkpointer = new MemoryCheckpointer();
  let isMended = false;
  const pipeline = counter({ checkpointer }, () => {
    if (!isMended) throw new Error("not today");
  });
  const request = { input: { count: 0 }, runId: "r", startAt: "add" } as const;
  const failed = (await Array.fromAsync(pipeline.stream(request))).at(-1);
  assertEquals(failed?.type === "runEnded" && failed.result.status, "failed");
  isMended = true;
  const events = await Array.fromAsync(pipeline.stream({ resume: "r", update: { count: 1 } }));
  const [first, last] = [events[0], events.at(-1)];
  assertEquals(first?.type === "runStarted" && first.resumed, true);
  assertEquals(last?.type === "runEnded" && last.result.state, { count: 2 });
});

Deno.test("a stream of a completed run brings its result", async () => {
  const pipeline = counter({ checkpointer: new MemoryCheckpointer() });
  const result = await pipeline.invoke({ count: 0 }, { runId: "r" });
  const last = (await Array.fromAsync(pipeline.stream({ resume: "r" }))).at(-1);
  assertEquals(last?.type === "runEnded" && last.result, result);
});

Deno.test("onEvent of the pipeline is told what a stream is told", async () => {
  const told: string[] = [];
  const pipeline = counter({ onEvent: ({ type }) => told.push(type) });
  const events = await Array.fromAsync(pipeline.stream({ input: { count: 0 } }));
  assertEquals(events.map(({ type }) => type), told);
});

Deno.test("what the call throws is the stream's error", async () => {
  const cause = new Error("disk full");
  const failing = counter({
    checkpointer: watch(({ sequence }) => {
      if (sequence === 1) throw cause;
    }),
  });
  const events: string[] = [];
  const error = await assertRejects(async () => {
    for await (const { type } of failing.stream({ input: { count: 0 } })) events.push(type);
  }, CheckpointSaveError);
  assertStrictEquals(error.cause, cause);
  const done = ["runStarted", "checkpointSaved", "taskStarted", "taskFinished"];
  assertEquals(events, [...done, "runInterrupted"]);

  const checked = definePipeline({
    name: "checked",
    state: z.object({ count: z.number() }),
    nodes: { one: () => {} },
    start: "one",
    edges: { one: END },
  });
  const input = untyped<Work>({ count: "no" });
  await assertRejects(() => Array.fromAsync(checked.stream({ input })), InputValidationError);
  const stored = counter({ checkpointer: watch() });
  await assertRejects(() => Array.fromAsync(stored.stream({ resume: "r" })), RunNotFoundError);
  const startAt = untyped<"add">("nowhere");
  await assertRejects(
    () => Array.fromAsync(stored.stream({ input: { count: 0 }, startAt })),
    TypeError,
    "nowhere",
  );
});

Deno.test("cancelling the stream cancels the run, which stays resumable", async () => {
  const checkpointer = new MemoryCheckpointer();
  const ended = Promise.withResolvers<string>();
  const aborted = Promise.withResolvers<unknown>();
  const pipeline = counter({
    checkpointer,
    onEvent: (event) => {
      if (event.type === "runEnded") ended.resolve(event.result.status);
    },
  }, (signal) => untilAborted(signal).finally(() => aborted.resolve(signal.reason)));
  const stream = pipeline.stream({ input: { count: 0 }, runId: "r" });
  for await (const { type } of stream) {
    if (type === "taskStarted") break;
  }
  assertEquals(await ended.promise, "cancelled");
  await aborted.promise;
  const { state, status } = await counter({ checkpointer }).resume("r");
  assertEquals([status, state.count], ["completed", 2]);
});

Deno.test("the reason of the stream's cancellation reaches the nodes", async () => {
  const aborted = Promise.withResolvers<unknown>();
  const pipeline = counter(
    {},
    (signal) => untilAborted(signal).finally(() => aborted.resolve(signal.reason)),
  );
  const reader = pipeline.stream({ input: { count: 0 } }).getReader();
  await reader.read();
  await reader.read();
  await reader.cancel("enough");
  assertEquals(await aborted.promise, "enough");
});

Deno.test("a stream may be cancelled before anyone reads, and twice", async () => {
  const pipeline = counter({ checkpointer: new MemoryCheckpointer() });
  const stream = pipeline.stream({ input: { count: 0 }, runId: "r" });
  await stream.cancel();
  await stream.cancel();
});

Deno.test("a run that fails to save after its stream was cancelled bothers nobody", async () => {
  const saving = Promise.withResolvers<void>();
  const tried = Promise.withResolvers<void>();
  const pipeline = counter({
    checkpointer: watch(async () => {
      tried.resolve();
      await saving.promise;
      throw new Error("disk full");
    }),
  });
  const stream = pipeline.stream({ input: { count: 0 } });
  const reader = stream.getReader();
  await reader.read();
  await tried.promise;
  await reader.cancel();
  saving.resolve();
  // An unhandled rejection would fail the test run.
  await new Promise((resolve) => setTimeout(resolve));
});

Deno.test("a caller's signal cancels a stream's run too", async () => {
  const controller = new AbortController();
  const pipeline = counter({}, () => controller.abort("enough"));
  const { signal } = controller;
  const last = (await Array.fromAsync(pipeline.stream({ input: { count: 0 }, signal }))).at(-1);
  assertEquals(last?.type === "runEnded" && last.result.status, "cancelled");
});

Deno.test("a slow reader gets every event", async () => {
  const pipeline = counter({ recursionLimit: 1_000 });
  const stream = pipeline.stream({ input: { count: -500 } });
  assertInstanceOf(stream, ReadableStream);
  const seen: string[] = [];
  for await (const { type } of stream) {
    seen.push(type);
    await new Promise((resolve) => queueMicrotask(() => resolve(undefined)));
  }
  assertEquals(seen.length, 2 + 502 * 2);
});
