import { assert, assertEquals, assertRejects } from "@std/assert";
import { context, type Span, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "npm:@opentelemetry/context-async-hooks@2.12.0";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "npm:@opentelemetry/sdk-trace-base@2.12.1";
import {
  definePipeline,
  END,
  MemoryCheckpointer,
  pause,
  type PipelineOptions,
  type RunEvent,
  send,
  unchecked,
} from "../mod.ts";
import { withTracing } from "../otel/tracing.ts";
import { expectStatus, watch } from "./engine_probes.ts";

interface Work {
  item: number;
}

// Spans find their parents across awaits through it, as they do in a process with an SDK.
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());

/** A tracer of the process from here on, and what was recorded since. */
function recording() {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  trace.disable();
  trace.setGlobalTracerProvider(provider);
  const tracer = trace.getTracer("test");
  const spans = async () => {
    await provider.forceFlush();
    return exporter.getFinishedSpans();
  };
  return { tracer, spans };
}

function named(spans: readonly ReadableSpan[], name: string): ReadableSpan {
  const [span, ...others] = spans.filter((span) => span.name === name);
  assert(span !== undefined && others.length === 0, `not one span is called ${name}`);
  return span;
}

function idOf(span: ReadableSpan | Span | undefined): string | undefined {
  return span?.spanContext().spanId;
}

function parentOf({ parentSpanContext }: ReadableSpan): string | undefined {
  return parentSpanContext?.spanId;
}

/** A retry, a pause, and a failure; the nodes make spans of their own. */
function traced(options: PipelineOptions<Work> = {}) {
  const { tracer, spans } = recording();
  const pipeline = definePipeline({
    name: "release",
    state: unchecked<Work>(),
    nodes: {
      build: {
        run: async (_state, { attempt }) => {
          await tracer.startActiveSpan(`compile ${attempt}`, async (span) => {
            await new Promise((resolve) => setTimeout(resolve, 1));
            tracer.startSpan(`link ${attempt}`).end();
            span.end();
          });
          if (attempt === 1) throw new RangeError("not yet");
        },
        retry: { attempts: 2, delayMs: 1 },
        timeoutMs: 60_000,
      },
      ask: () => pause("publish?"),
      publish: () => {
        tracer.startSpan("upload").end();
        throw new Error("no route to host");
      },
    },
    start: "build",
    edges: { build: "ask", ask: "publish", publish: END },
  }, withTracing({ checkpointer: new MemoryCheckpointer(), ...options }));
  return { pipeline, tracer, spans };
}

Deno.test("a call is a span, and each of its tasks one below it", async () => {
  const { pipeline, spans } = traced();
  expectStatus(await pipeline.invoke({}, { runId: "r" }), "paused");
  const recorded = await spans();
  const [run, build, ask] = ["pipeline release", "node build", "node ask"]
    .map((name) => named(recorded, name));
  assert(run !== undefined && build !== undefined && ask !== undefined);
  assertEquals([parentOf(run), parentOf(build), parentOf(ask)], [undefined, idOf(run), idOf(run)]);
  assertEquals(new Set(recorded.map((span) => span.spanContext().traceId)).size, 1);
  assertEquals(run.attributes, {
    "firefly.pipeline": "release",
    "firefly.run.id": "r",
    "firefly.run.resumed": false,
    "firefly.run.status": "paused",
  });
  assertEquals(build.attributes, {
    "firefly.run.id": "r",
    "firefly.node": "build",
    "firefly.visit": 1,
    "firefly.attempt": 2,
    "firefly.task.status": "finished",
  });
  assertEquals(ask.attributes["firefly.task.status"], "paused");
  assertEquals(ask.attributes["firefly.pause.reason"], "publish?");
});

Deno.test("the spans of a node's own work attach below its task, on every attempt", async () => {
  const { pipeline, spans } = traced();
  await pipeline.invoke({}, { runId: "r" });
  const build = idOf(named(await spans(), "node build"));
  for (const attempt of [1, 2]) {
    const compile = named(await spans(), `compile ${attempt}`);
    assertEquals(parentOf(compile), build);
    assertEquals(parentOf(named(await spans(), `link ${attempt}`)), idOf(compile));
  }
});

Deno.test("a call's span attaches below the one that is active where it is made", async () => {
  const { pipeline, tracer, spans } = traced();
  const request = tracer.startSpan("request");
  const active = trace.setSpan(context.active(), request);
  await context.with(active, () => pipeline.invoke({}, { runId: "r" }));
  await context.with(active, () => Array.fromAsync(pipeline.stream({ input: {} })));
  const runs = (await spans()).filter(({ name }) => name === "pipeline release");
  assertEquals(runs.map(parentOf), [idOf(request), idOf(request)]);
});

Deno.test("attempts that failed and checkpoints are events of the spans", async () => {
  const { pipeline, spans } = traced();
  await pipeline.invoke({}, { runId: "r" });
  const [retry] = named(await spans(), "node build").events;
  assertEquals([retry?.name, retry?.attributes], ["retry", {
    "firefly.attempt": 1,
    "firefly.retry.delay_ms": 1,
    "exception.type": "RangeError",
    "exception.message": "not yet",
  }]);
  const saved = named(await spans(), "pipeline release").events;
  assertEquals(
    saved.map(({ name, attributes }) => [name, attributes?.["firefly.checkpoint.sequence"]]),
    [0, 1, 2, 3].map((sequence) => ["checkpoint saved", sequence]),
  );
});

Deno.test("what a node throws is recorded on its span and on the run's", async () => {
  const { pipeline, spans } = traced();
  await pipeline.invoke({}, { runId: "r" });
  const before = (await spans()).length;
  expectStatus(await pipeline.resume("r", { approvePause: true }), "failed");
  const resumed = (await spans()).slice(before);
  const run = named(resumed, "pipeline release");
  assertEquals(run.attributes["firefly.run.resumed"], true);
  assertEquals(run.attributes["firefly.run.status"], "failed");
  for (const span of [named(resumed, "node publish"), run]) {
    assertEquals(span.status, { code: SpanStatusCode.ERROR, message: "no route to host" });
    const thrown = span.events.find(({ name }) => name === "exception");
    assertEquals(thrown?.attributes?.["exception.message"], "no route to host");
  }
  assertEquals(parentOf(named(resumed, "upload")), idOf(named(resumed, "node publish")));
});

Deno.test("a fork, a rejection and a recovery are calls with spans of their own", async () => {
  const { spans } = recording();
  const checkpointer = new MemoryCheckpointer();
  const pipeline = definePipeline({
    name: "release",
    state: unchecked<Work>(),
    nodes: { ask: () => pause("publish?"), archive: () => {}, publish: () => {} },
    start: "ask",
    edges: {
      ask: { route: () => "publish", to: ["publish"], rejected: "archive" },
      archive: END,
      publish: END,
    },
  }, withTracing({ checkpointer }));
  const calls = {
    start: () => pipeline.invoke({ item: 1 }, { runId: "r" }),
    fork: () => pipeline.fork("r", { sequence: 0, runId: "s" }),
    reject: () => pipeline.reject("r", { pauseId: "ask#1" }),
    recover: async () => {
      const [paused] = await Array.fromAsync(checkpointer.history("release", "s"));
      assert(paused !== undefined);
      const { writer, ...record } = { ...paused, pendingEdges: [], status: "running" } as const;
      const tasks = [{ node: "publish", visit: 1, status: "pending" }] as const;
      const died = { ...record, tasks, paused: false, leaseMs: 0, sequence: record.sequence + 1 };
      await checkpointer.save({ ...died, writer: `${writer}, dead` });
      await pipeline.recover();
    },
  };
  const told: Record<string, readonly unknown[]> = {};
  for (const [call, make] of Object.entries(calls)) {
    const before = (await spans()).length;
    await make();
    const recorded = (await spans()).slice(before);
    const { attributes } = named(recorded, "pipeline release");
    const nodes = recorded.filter(({ name }) => name.startsWith("node ")).map(({ name }) => name);
    const [runId, status] = ["id", "status"].map((key) => attributes[`firefly.run.${key}`]);
    told[call] = [runId, status, ...nodes];
  }
  assertEquals(told, {
    start: ["r", "paused", "node ask"],
    fork: ["s", "paused", "node ask"],
    reject: ["r", "completed", "node archive"],
    recover: ["s", "completed", "node publish"],
  });
});

Deno.test("a call that throws ends its span with what it threw", async () => {
  const checkpointer = watch(({ sequence }) => {
    if (sequence === 2) throw new Error("disk full");
  });
  const { pipeline, spans } = traced({ checkpointer });
  await assertRejects(() => pipeline.invoke({}, { runId: "r" }));
  const run = named(await spans(), "pipeline release");
  assertEquals(run.attributes["firefly.run.status"], "interrupted");
  assertEquals(run.status.code, SpanStatusCode.ERROR);
});

Deno.test("tasks that run side by side each have their own span, and so their own context", async () => {
  const { tracer, spans } = recording();
  const pipeline = definePipeline({
    name: "fan-out",
    state: unchecked<Work>(),
    nodes: {
      split: () => {},
      work: async ({ item }) => {
        await new Promise((resolve) => setTimeout(resolve, 3 - item));
        tracer.startSpan(`inner ${item}`).end();
        if (item === 2) throw "no";
      },
    },
    start: "split",
    edges: { split: [0, 1, 2].map((item) => send("work", { item })), work: END },
  }, withTracing({}));
  const results = await Promise.all([pipeline.invoke({}), pipeline.invoke({})]);
  assertEquals(results.map(({ status }) => status), ["failed", "failed"]);
  for (const { runId } of results) {
    const own = (await spans()).filter(({ attributes }) => attributes["firefly.run.id"] === runId);
    const run = named(own, "pipeline fan-out");
    const tasks = own.filter(({ name }) => name === "node work");
    assertEquals(tasks.map(parentOf), [idOf(run), idOf(run), idOf(run)]);
    for (const item of [0, 1, 2]) {
      const task = tasks.find(({ attributes }) => attributes["firefly.visit"] === item + 1);
      const inner = (await spans()).filter(({ name }) => name === `inner ${item}`);
      assertEquals(inner.filter((span) => parentOf(span) === (task && idOf(task))).length, 1);
    }
  }
});

Deno.test("the other handlers and observers of a pipeline stay at work", async () => {
  const told: string[] = [];
  const onEvent = ({ type }: RunEvent) => told.push(type);
  const { pipeline, spans } = traced({
    onEvent,
    observe: (pipelineName) => ({
      onEvent: ({ type }) => told.push(`${pipelineName} ${type}`),
      aroundNode(task, work) {
        told.push(`in ${idOf(trace.getActiveSpan())} ${task.node}`);
        return work();
      },
    }),
  });
  await pipeline.invoke({});
  assertEquals(told.slice(0, 2), ["runStarted", "release runStarted"]);
  const build = idOf(named(await spans(), "node build"));
  assertEquals(told.filter((line) => line === `in ${build} build`).length, 2);
});

Deno.test("without a registered provider nothing is recorded, and nothing breaks", async () => {
  trace.disable();
  const pipeline = definePipeline({
    name: "plain",
    state: unchecked<Work>(),
    nodes: { one: () => ({ item: 1 }) },
    start: "one",
    edges: { one: END },
  }, withTracing());
  assertEquals(expectStatus(await pipeline.invoke({}), "completed").state.item, 1);
});
