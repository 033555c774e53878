import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { eventStreamResponse, type SentEvent } from "../http/mod.ts";
import { definePipeline, END, MemoryCheckpointer, type RunEvent, unchecked } from "../mod.ts";
import { watch } from "./engine_probes.ts";
import { makeClient, type Message, messagesOf } from "./event_source.ts";

interface Work {
  count: number;
  value: unknown;
}

const NOTHING: Partial<Work> = {};

/** Two steps, the second of which does what it is told. */
function work(last: (emit: (value: unknown) => Promise<void>) => unknown = () => {}) {
  return definePipeline({
    name: "work",
    state: unchecked<Work>(),
    nodes: {
      first: () => ({ count: 1 }),
      last: async (_state, { emit }) => {
        const value = await last(emit);
        return value === undefined ? {} : { value };
      },
    },
    start: "first",
    edges: { first: "last", last: END },
  }, { checkpointer: new MemoryCheckpointer() });
}

async function messages(response: Response): Promise<readonly Message[]> {
  return await Array.fromAsync(messagesOf(response, makeClient()));
}

function dataOf(message: Message | undefined) {
  return JSON.parse(message?.data ?? "null");
}

/** A stream of made-up events. */
function streamOf(...events: readonly RunEvent[]): ReadableStream<RunEvent> {
  return ReadableStream.from(events);
}

Deno.test("a stream becomes a response that no proxy keeps or holds back", async () => {
  const headers = { "cache-control": "private", "x-run": "r" };
  for (const more of [undefined, headers]) {
    const response = eventStreamResponse(streamOf(), { headers: more });
    assertEquals(response.status, 200);
    assertEquals(response.headers.get("content-type"), "text/event-stream");
    assertEquals(
      response.headers.get("cache-control"),
      more === undefined ? "no-cache, no-transform" : "private",
    );
    assertEquals(response.headers.get("x-run"), more === undefined ? null : "r");
    await response.body?.cancel();
  }
});

Deno.test("each event goes out under its type, as JSON, in order", async () => {
  const stream = work().stream({ input: NOTHING, runId: "r" });
  const sent = await messages(eventStreamResponse(stream));
  assertEquals(sent.map(({ type, lastEventId }) => `${type} ${lastEventId}`), [
    "runStarted ",
    "checkpointSaved 0",
    "taskStarted 0",
    "taskFinished 0",
    "checkpointSaved 1",
    "taskStarted 1",
    "taskFinished 1",
    "checkpointSaved 2",
    "runEnded 2.end",
  ]);
  for (const { type, data } of sent) {
    const event = JSON.parse(data);
    assertEquals([event.type, event.runId], [type, "r"]);
  }
  assertEquals(dataOf(sent.at(-1)).result, {
    runId: "r",
    state: { count: 1 },
    completedNodes: ["first", "last"],
    status: "completed",
  });
});

Deno.test("a run without checkpoints has no ids", async () => {
  const pipeline = definePipeline({
    name: "plain",
    state: unchecked<Work>(),
    nodes: { one: () => {} },
    start: "one",
    edges: { one: END },
  });
  const sent = await messages(eventStreamResponse(pipeline.stream({ input: {} })));
  assertEquals(new Set(sent.map(({ lastEventId }) => lastEventId)), new Set([""]));
  assertEquals(sent.at(-1)?.type, "runEnded");
});

Deno.test("errors go out as plain data, without their stacks", async () => {
  const stream = work(() => {
    throw new RangeError("too much");
  }).stream({ input: NOTHING });
  const sent = await messages(eventStreamResponse(stream));
  const error = { name: "RangeError", message: "too much" };
  assertEquals(dataOf(sent.find(({ type }) => type === "taskFailed")).error, error);
  const { result } = dataOf(sent.at(-1));
  assertEquals([result.status, result.error], ["failed", error]);
  assertEquals(result.failures, [{ node: "last", visit: 1, error }]);
});

Deno.test("values that JSON does not know go out in a form that it does", async () => {
  const value = { big: 12n, map: new Map([["a", new Set([1])]]), date: new Date(0), no: undefined };
  const stream = work(async (emit) => {
    await emit(value);
    await emit(undefined);
    return value;
  }).stream({ input: NOTHING });
  const sent = await messages(eventStreamResponse(stream));
  const plain = { big: "12", map: [["a", [1]]], date: "1970-01-01T00:00:00.000Z" };
  const custom = sent.filter(({ type }) => type === "custom").map(dataOf);
  assertEquals(custom.map((event) => event.value), [plain, undefined]);
  assertEquals(dataOf(sent.at(-1)).result.state.value, plain);
});

Deno.test("an event that has no JSON says so, and those after it go out", async () => {
  const loop: Record<string, unknown> = {};
  loop.self = loop;
  const stream = work((emit) => emit(loop)).stream({ input: NOTHING, runId: "r" });
  const sent = await messages(eventStreamResponse(stream));
  const { unsent, ...event } = dataOf(sent.find(({ type }) => type === "custom"));
  assertEquals(event, { type: "custom", runId: "r" });
  assertEquals(unsent.name, "TypeError");
  assertEquals(sent.at(-1)?.type, "runEnded");
});

Deno.test("data of many lines arrives as it was, whatever ends its lines", async () => {
  const texts = [
    "one\ntwo",
    "one\r\ntwo\rthree",
    "\n",
    "",
    "a\n\nid: 7\nevent: x\n",
    ": no comment",
  ];
  for (const text of texts) {
    const stream = streamOf({ type: "runStarted", runId: "r", resumed: false });
    const sent = await messages(eventStreamResponse(stream, { data: () => text }));
    const expected = text.replaceAll(/\r\n|\r/g, "\n");
    assertEquals(sent, [{ type: "runStarted", data: expected, lastEventId: "" }]);
  }
});

Deno.test("what data leaves out is not sent, but the ids are", async () => {
  const stream = work().stream({ input: NOTHING });
  const data = ({ type }: SentEvent<Work>) => type === "taskFinished" ? "done" : undefined;
  const client = makeClient();
  const response = eventStreamResponse(stream, { data });
  const sent = await Array.fromAsync(messagesOf(response, client));
  assertEquals(sent.map(({ type, lastEventId }) => [type, lastEventId]), [
    ["taskFinished", "0"],
    ["taskFinished", "1"],
  ]);
  assertEquals(client.lastEventId, "2.end");
});

Deno.test("what data throws ends the response, and cancels the stream", async () => {
  const boom = new Error("boom");
  let reason: unknown;
  const stream = new ReadableStream<RunEvent>({
    pull: (controller) => controller.enqueue({ type: "runStarted", runId: "r", resumed: false }),
    cancel: (given) => void (reason = given),
  });
  const response = eventStreamResponse(stream, {
    data() {
      throw boom;
    },
  });
  assertEquals(await response.text().catch((error: unknown) => error), boom);
  assertEquals(reason, boom);
});

Deno.test("a call that throws ends the response with what it threw", async () => {
  const failing = definePipeline({
    name: "failing",
    state: unchecked<Work>(),
    nodes: { one: () => {} },
    start: "one",
    edges: { one: END },
  }, {
    checkpointer: watch(({ sequence }) => {
      if (sequence === 1) throw new Error("disk full");
    }),
  });
  const sent = await messages(eventStreamResponse(failing.stream({ input: {}, runId: "r" })));
  const ends = sent.filter(({ type }) => type === "runInterrupted");
  assertEquals([ends.length, sent.at(-1)], [1, ends[0]]);
  const { error, runId } = dataOf(ends[0]);
  assertEquals([error.name, runId], ["CheckpointSaveError", "r"]);
  assertStringIncludes(error.message, "disk full");
  // The run never started, so that no event told of it.
  const early = await messages(eventStreamResponse(failing.stream({ resume: "unknown" })));
  assertEquals(early.map(({ type }) => type), ["runInterrupted"]);
  assertEquals(dataOf(early[0]).error.name, "RunNotFoundError");
});

Deno.test("while nothing happens comments are sent, and none is left when the client goes", async () => {
  const { readable, writable } = new TransformStream<RunEvent, RunEvent>();
  const client = makeClient();
  const response = eventStreamResponse(readable, { keepAliveMs: 1, retryMs: 70 });
  const sent = messagesOf(response, client);
  const first = sent.next();
  while (client.comments.length < 3) await new Promise((resolve) => setTimeout(resolve, 1));
  const writer = writable.getWriter();
  await writer.write({ type: "runStarted", runId: "r", resumed: false });
  assertEquals((await first).value?.type, "runStarted");
  assertEquals([client.comments[0], client.retryMs], ["keep-alive", 70]);
  await sent.return(undefined);
  await writer.closed.catch(() => {});
});

Deno.test("a client that goes away cancels the run, or leaves it to go on", async () => {
  for (const [onCancel, status] of [["cancel", "cancelled"], ["detach", "completed"]] as const) {
    const ended = Promise.withResolvers<string>();
    const waiting = Promise.withResolvers<void>();
    const pipeline = definePipeline({
      name: "left",
      state: unchecked<Work>(),
      nodes: { one: () => waiting.promise, two: () => {} },
      start: "one",
      edges: { one: "two", two: END },
    }, {
      onEvent: (event) => {
        if (event.type === "runEnded") ended.resolve(event.result.status);
      },
    });
    const response = eventStreamResponse(pipeline.stream({ input: {}, onCancel }));
    for await (const { type } of messagesOf(response, makeClient())) {
      if (type === "taskStarted") break;
    }
    waiting.resolve();
    assertEquals(await ended.promise, status);
  }
});

Deno.test("a slow client holds the run back", async () => {
  let steps = 0;
  const pipeline = definePipeline({
    name: "slow",
    state: unchecked<Work>(),
    nodes: { one: ({ count }) => ({ count: ++steps && count + 1 }) },
    start: "one",
    edges: { one: ({ count }) => count < 500 ? "one" : END },
  }, { recursionLimit: Infinity });
  const stream = pipeline.stream({ input: { count: 0 }, highWaterMark: 4 });
  const response = eventStreamResponse(stream);
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
  assert(steps < 10, `took ${steps} steps that nobody had read of`);
  assertEquals((await messages(response)).length, 1_002);
});

Deno.test("misuse of eventStreamResponse is refused by name", async () => {
  const locked = streamOf();
  const reader = locked.getReader();
  assertThrows(() => eventStreamResponse(locked), TypeError, "stream()");
  await reader.cancel();
  for (const options of [{ keepAliveMs: 0 }, { keepAliveMs: NaN }, { retryMs: -1 }]) {
    const { message } = assertThrows(() => eventStreamResponse(streamOf(), options), RangeError);
    assertStringIncludes(message, Object.keys(options)[0] ?? "");
  }
});
