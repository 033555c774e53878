import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import {
  definePipeline,
  END,
  MemoryCheckpointer,
  type NodeContext,
  type PipelineOptions,
  resultOf,
  type RunEvent,
  send,
  unchecked,
} from "../mod.ts";
import { expectStatus, watch } from "./engine_probes.ts";

interface Work {
  count: number;
}

type Effect = (context: NodeContext, count: number) => unknown;

/** A cycle that counts up to `until`. */
function cycle(until: number, options: PipelineOptions<Work> = {}, effect: Effect = () => {}) {
  return definePipeline({
    name: "cycle",
    state: unchecked<Work>(),
    nodes: {
      add: async ({ count }, context) => {
        await effect(context, count);
        return { count: count + 1 };
      },
    },
    start: "add",
    edges: { add: ({ count }) => count < until ? "add" : END },
  }, { recursionLimit: Infinity, ...options });
}

/** Long enough for a run to take all the steps that it may take. */
async function aWhile(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
}

Deno.test("a run waits for its reader: it takes no step while too much is unread", async () => {
  let steps = 0;
  const stream = cycle(1_000, {}, () => steps++).stream({ input: { count: 0 }, highWaterMark: 8 });
  const reader = stream.getReader();
  await aWhile();
  const ahead = steps;
  assert(ahead > 0 && ahead <= 4, `took ${ahead} steps that nobody had read of`);
  const events: RunEvent<Work>[] = [];
  for (let read = 0; read < 100; read++) {
    const { value } = await reader.read();
    if (value !== undefined) events.push(value);
  }
  await aWhile();
  assert(steps >= 49 && steps <= 54, `took ${steps} steps where 49 were read of`);
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    events.push(read.value);
  }
  assertEquals(steps, 1_000);
  assertEquals(events.map(({ type }) => type), [
    "runStarted",
    ...Array(1_000).fill(["taskStarted", "taskFinished"]).flat(),
    "runEnded",
  ]);
});

Deno.test("a fan-out begins no other task while too much is unread, and stores what is done", async () => {
  const checkpointer = watch();
  let begun = 0;
  const pipeline = definePipeline({
    name: "fan-out",
    state: unchecked<Work>(),
    nodes: {
      split: () => {},
      work: async () => {
        begun++;
        await undefined;
      },
    },
    start: "split",
    edges: {
      split: (_state) => Array.from({ length: 500 }, (_, count) => send("work", { count })),
      work: END,
    },
  }, { checkpointer, concurrency: 4 });
  const stream = pipeline.stream({ input: {}, highWaterMark: 16 });
  await aWhile();
  assert(begun <= 20, `began ${begun} tasks that nobody had read of`);
  const finished = checkpointer.records.at(-1)?.tasks.filter(({ status }) => status === "finished");
  assertEquals(finished?.length, begun);
  const events = await Array.fromAsync(stream);
  assertEquals(events.filter(({ type }) => type === "taskFinished").length, 501);
});

Deno.test("a run that nobody reads keeps its last step and its result", async () => {
  const checkpointer = new MemoryCheckpointer();
  const pipeline = cycle(1, { checkpointer });
  const stream = pipeline.stream({ input: { count: 0 }, runId: "r", highWaterMark: 3 });
  await aWhile();
  assertEquals((await checkpointer.loadLatest("cycle", "r"))?.status, "completed");
  expectStatus(await resultOf(stream), "completed");
});

Deno.test("who only wants the result reads it out of the stream", async () => {
  const { state } = expectStatus(
    await resultOf(cycle(100).stream({ input: { count: 0 }, highWaterMark: 1 })),
    "completed",
  );
  assertEquals(state.count, 100);
  const cause = new Error("disk full");
  const failing = cycle(3, {
    checkpointer: watch(() => {
      throw cause;
    }),
  });
  const error = await assertRejects(() => resultOf(failing.stream({ input: { count: 0 } })), Error);
  assertStrictEquals(error.cause, cause);
  const empty = new ReadableStream<RunEvent<Work>>({ start: (controller) => controller.close() });
  await assertRejects(() => resultOf(empty), TypeError, "stream()");
});

Deno.test("the error of a call comes after everything that happened before it", async () => {
  const failing = cycle(30, {
    checkpointer: watch(({ sequence }) => {
      if (sequence === 20) throw new Error("disk full");
    }),
  });
  const stream = failing.stream({ input: { count: 0 }, highWaterMark: 1_000 });
  await aWhile();
  const types: string[] = [];
  await assertRejects(
    async () => {
      for await (const { type } of stream) types.push(type);
    },
    Error,
    "disk full",
  );
  assertEquals(types.length, 1 + 20 * 3 + 1);
  assertEquals(types.slice(-2), ["taskFinished", "runInterrupted"]);
});

Deno.test("a call that throws ends with runInterrupted, also for onEvent", async () => {
  const events: RunEvent<Work>[] = [];
  const cause = new Error("disk full");
  const failing = cycle(3, {
    onEvent: (event) => events.push(event),
    checkpointer: watch(({ sequence }) => {
      if (sequence === 2) throw cause;
    }),
  });
  const error = await assertRejects(() => failing.invoke({ count: 0 }, { runId: "r" }));
  const [last, ...others] = events.toReversed();
  assert(last?.type === "runInterrupted");
  assertEquals(last.runId, "r");
  assertStrictEquals(last.error, error);
  assert(others.every(({ type }) => !["runEnded", "runInterrupted"].includes(type)));
  // What never started has no end.
  events.length = 0;
  await assertRejects(() => failing.resume("unknown"));
  assertEquals(events, []);
});

Deno.test("a run whose reader detaches goes on, and tells nobody but onEvent", async () => {
  const ended = Promise.withResolvers<RunEvent<Work>>();
  const pipeline = cycle(200, {
    checkpointer: new MemoryCheckpointer(),
    onEvent: (event) => {
      if (event.type === "runEnded") ended.resolve(event);
    },
  });
  const stream = pipeline.stream({ input: { count: 0 }, onCancel: "detach", highWaterMark: 4 });
  for await (const { type } of stream) if (type === "taskStarted") break;
  const event = await ended.promise;
  assert(event.type === "runEnded");
  assertEquals([event.result.status, event.result.state.count], ["completed", 200]);
});

Deno.test("a reader that detaches while the run waits for it lets it go on", async () => {
  const ended = Promise.withResolvers<string>();
  const pipeline = cycle(50, {
    onEvent: (event) => {
      if (event.type === "runEnded") ended.resolve(event.result.status);
    },
  });
  const stream = pipeline.stream({ input: { count: 0 }, onCancel: "detach", highWaterMark: 1 });
  await aWhile();
  await stream.cancel();
  assertEquals(await ended.promise, "completed");
});

Deno.test("a reader that cancels while the run waits for it cancels the run", async () => {
  const ended = Promise.withResolvers<string>();
  const checkpointer = new MemoryCheckpointer();
  const pipeline = cycle(50, {
    checkpointer,
    onEvent: (event) => {
      if (event.type === "runEnded") ended.resolve(event.result.status);
    },
  });
  const stream = pipeline.stream({ input: { count: 0 }, runId: "r", highWaterMark: 1 });
  await aWhile();
  await stream.cancel("enough");
  assertEquals(await ended.promise, "cancelled");
  assertEquals((await cycle(50, { checkpointer }).resume("r")).state.count, 50);
});

Deno.test("a signal cancels a run that waits for its reader", async () => {
  const control = new AbortController();
  const { signal } = control;
  const checkpointer = new MemoryCheckpointer();
  const pipeline = cycle(50, { checkpointer });
  const stream = pipeline.stream({ input: { count: 0 }, runId: "r", highWaterMark: 1, signal });
  await aWhile();
  control.abort("enough");
  await aWhile();
  assertEquals((await checkpointer.loadLatest("cycle", "r"))?.status, "cancelled");
  assertEquals((await resultOf(stream)).status, "cancelled");
});

Deno.test("a detached run that fails to save says so, where nobody else can", async () => {
  const said: unknown[][] = [];
  const { error } = console;
  console.error = (...words: unknown[]) => said.push(words);
  try {
    const cause = new Error("disk full");
    const pipeline = cycle(5, {
      checkpointer: watch(({ sequence }) => {
        if (sequence === 3) throw cause;
      }),
    });
    const stream = pipeline.stream({ input: { count: 0 }, onCancel: "detach", highWaterMark: 1 });
    await stream.cancel();
    await aWhile();
    assertEquals(said.length, 1);
    const [, failure] = said[0] ?? [];
    assert(failure instanceof Error);
    assertStrictEquals(failure.cause, cause);
  } finally {
    console.error = error;
  }
});

/** What nodes told, as `attempt value`. */
function told(events: readonly RunEvent<Work>[]): readonly string[] {
  return events.flatMap((event) =>
    event.type === "custom" ? [`${event.node} ${event.visit} ${event.attempt} ${event.value}`] : []
  );
}

Deno.test("what a node emits is an event among the others, in order", async () => {
  const pipeline = cycle(2, {}, async ({ emit, visit }) => {
    void emit(`one of ${visit}`);
    await emit(`two of ${visit}`);
  });
  const events = await Array.fromAsync(pipeline.stream({ input: { count: 0 }, runId: "r" }));
  assertEquals(told(events), [
    "add 1 1 one of 1",
    "add 1 1 two of 1",
    "add 2 1 one of 2",
    "add 2 1 two of 2",
  ]);
  assertEquals(events.slice(1, 5).map(({ type }) => type), [
    "taskStarted",
    "custom",
    "custom",
    "taskFinished",
  ]);
  assertEquals(new Set(events.map(({ runId }) => runId)), new Set(["r"]));
});

Deno.test("who awaits emit waits for the reader, and for nobody where there is none", async () => {
  let emitted = 0;
  const emitting = cycle(1, {}, async ({ emit }) => {
    for (; emitted < 1_000; emitted++) await emit(emitted);
  });
  const stream = emitting.stream({ input: { count: 0 }, highWaterMark: 10 });
  await aWhile();
  assert(emitted <= 10, `emitted ${emitted} that nobody had read`);
  assertEquals(told(await Array.fromAsync(stream)).length, 1_000);
  emitted = 0;
  expectStatus(await emitting.invoke({ count: 0 }), "completed");
  assertEquals(emitted, 1_000);
});

Deno.test("a node that waits for the reader goes on when its run is cancelled", async () => {
  const control = new AbortController();
  const checkpointer = new MemoryCheckpointer();
  const waiting = cycle(1, { checkpointer }, async ({ emit, signal }) => {
    for (;;) {
      await emit("more");
      signal.throwIfAborted();
    }
  });
  const { signal } = control;
  const stream = waiting.stream({ input: { count: 0 }, runId: "r", highWaterMark: 4, signal });
  await aWhile();
  control.abort("enough");
  await aWhile();
  assertEquals((await checkpointer.loadLatest("cycle", "r"))?.status, "cancelled");
  assertEquals((await resultOf(stream)).status, "cancelled");
});

Deno.test("what an attempt emits after it ended is dropped", async () => {
  const contexts: NodeContext[] = [];
  const events: RunEvent<Work>[] = [];
  const pipeline = definePipeline({
    name: "late",
    state: unchecked<Work>(),
    nodes: {
      work: {
        run: async (_state, context) => {
          contexts.push(context);
          for (const { emit, attempt } of contexts) await emit(`${attempt}`);
          if (context.attempt === 1) await new Promise(() => {});
        },
        timeoutMs: 5,
        retry: { attempts: 2 },
      },
      next: async () => {
        for (const { emit } of contexts) await emit("late");
      },
    },
    start: "work",
    edges: { work: "next", next: END },
  }, { onEvent: (event) => events.push(event) });
  expectStatus(await pipeline.invoke({}), "completed");
  for (const { emit } of contexts) await emit("later");
  assertEquals(told(events), ["work 1 1 1", "work 1 2 2"]);
});

Deno.test("a call that nobody watches drops what its nodes emit", async () => {
  const values: unknown[] = [];
  const pipeline = cycle(2, {}, async ({ emit }) => values.push(await emit("nobody")));
  expectStatus(await pipeline.invoke({ count: 0 }), "completed");
  assertEquals(values, [undefined, undefined]);
});

Deno.test("an observer watches one call, and is put around every attempt of its nodes", async () => {
  const watched: string[][] = [];
  const pipeline = definePipeline({
    name: "observed",
    state: unchecked<Work>(),
    nodes: {
      work: {
        run: (_state, { attempt }) => {
          if (attempt === 1) throw new Error("no");
          return { count: attempt };
        },
        retry: { attempts: 2 },
        timeoutMs: 60_000,
      },
      plain: ({ count }) => ({ count: count + 1 }),
    },
    start: "work",
    edges: { work: "plain", plain: END },
  }, {
    observe(pipelineName) {
      const told = [pipelineName];
      watched.push(told);
      return {
        onEvent: ({ type }) => told.push(type),
        aroundNode(context, work) {
          told.push(`before ${context.node} ${context.attempt}`);
          return work();
        },
      };
    },
  });
  const results = await Promise.all([pipeline.invoke({}), pipeline.invoke({})]);
  assertEquals(results.map(({ state }) => state.count), [3, 3]);
  const expected = [
    "observed",
    "runStarted",
    "taskStarted",
    "before work 1",
    "taskRetried",
    "before work 2",
    "taskFinished",
    "taskStarted",
    "before plain 1",
    "taskFinished",
    "runEnded",
  ];
  assertEquals(watched, [expected, expected]);
});
