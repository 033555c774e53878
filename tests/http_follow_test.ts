import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  eventStreamResponse,
  followResponse,
  followRun,
  type StoredRunEvent,
} from "../http/mod.ts";
import {
  append,
  definePipeline,
  END,
  MemoryCheckpointer,
  pause,
  RunNotFoundError,
  unchecked,
} from "../mod.ts";
import { untyped } from "./engine_probes.ts";
import { makeClient, messagesOf } from "./event_source.ts";

interface Work {
  log: string[];
}

type Effect = (visit: number) => unknown;

/** Ten steps, each of which does what it is told. */
function ten(effect: Effect = () => {}, checkpointer = new MemoryCheckpointer()) {
  return definePipeline({
    name: "ten",
    state: unchecked<Work>(),
    reducers: { log: append },
    nodes: {
      step: async (_state, { visit }) => {
        await effect(visit);
        return { log: `step ${visit}` };
      },
    },
    start: "step",
    edges: { step: ({ log }) => log.length < 10 ? "step" : END },
  }, { checkpointer });
}

/** Waits until a run of the pipeline has its first checkpoint. */
async function untilStored({ listRuns }: ReturnType<typeof ten>): Promise<void> {
  while ((await Array.fromAsync(listRuns())).length === 0) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

function shown(event: StoredRunEvent<Work>): string {
  return event.type === "runEnded" ? `ended ${event.result.status}` : `saved ${event.sequence}`;
}

const SEQUENCES = Array.from({ length: 11 }, (_, sequence) => `saved ${sequence}`);

Deno.test("the stored past of a run is told, oldest first, after what is known", async () => {
  const pipeline = ten();
  const result = await pipeline.invoke({ log: [] }, { runId: "r" });
  const all = await Array.fromAsync(followRun(pipeline, "r"));
  assertEquals(all.map(shown), [...SEQUENCES, "ended completed"]);
  const last = all.at(-1);
  assertEquals(last?.type === "runEnded" && last.result, result);
  const rest = await Array.fromAsync(followRun(pipeline, "r", { after: 7 }));
  assertEquals(rest.map(shown), ["saved 8", "saved 9", "saved 10", "ended completed"]);
  const none = await Array.fromAsync(followRun(pipeline, "r", { after: 10 }));
  assertEquals(none.map(shown), ["ended completed"]);
  const [first] = all;
  assert(first?.type === "checkpointSaved");
  assertEquals([first.runId, first.nodeId, first.status], ["r", "__start__", "running"]);
  assertEquals(new Date(first.savedAt).toISOString(), first.savedAt);
});

Deno.test("a run that goes on is followed until it stands still, none told twice", async () => {
  const gates = Array.from({ length: 11 }, () => Promise.withResolvers<void>());
  const checkpointer = new MemoryCheckpointer();
  const pipeline = ten((visit) => gates[visit]?.promise, checkpointer);
  const running = pipeline.invoke({ log: [] }, { runId: "r" });
  await untilStored(pipeline);
  const told: string[] = [];
  // Another process has a pipeline, and a view of the store, of its own.
  for await (const event of followRun(ten(undefined, checkpointer), "r", { pollMs: 1 })) {
    told.push(shown(event));
    gates[told.length]?.resolve();
  }
  assertEquals(told, [...SEQUENCES, "ended completed"]);
  await running;
});

Deno.test("a run that stands still ends with the result that the store knows", async () => {
  const checkpointer = new MemoryCheckpointer();
  const pipeline = definePipeline({
    name: "still",
    state: unchecked<Work>(),
    nodes: {
      ask: () => pause("go on?"),
      fail: () => {
        throw new RangeError("no");
      },
    },
    start: "ask",
    edges: { ask: "fail", fail: END },
  }, { checkpointer });
  const endOf = async (after: number) => {
    const last = (await Array.fromAsync(followRun(pipeline, "r", { after }))).at(-1);
    assert(last?.type === "runEnded");
    return last.result;
  };
  const paused = await pipeline.invoke({}, { runId: "r" });
  assertEquals(await endOf(0), paused);
  await pipeline.resume("r", { approvePause: true });
  const failed = await endOf(2);
  assert(failed.status === "failed");
  assertEquals(failed.failedNode, "fail");
  const { error: told, failures: [first] } = failed;
  assertEquals(first?.error, told);
  assert(
    typeof told === "object" && told !== null && "message" in told && !(told instanceof Error),
  );
  assertEquals(told.message, "no");
  const control = new AbortController();
  control.abort();
  await pipeline.resume("r", { signal: control.signal });
  assertEquals((await endOf(3)).status, "cancelled");
});

Deno.test("who stops following leaves no timer, and the run alone", async () => {
  const gate = Promise.withResolvers<void>();
  const pipeline = ten(() => gate.promise);
  const running = pipeline.invoke({ log: [] }, { runId: "r" });
  await untilStored(pipeline);
  const reader = followRun(pipeline, "r", { pollMs: 3_600_000 }).getReader();
  await reader.read();
  const waiting = reader.read();
  await new Promise((resolve) => setTimeout(resolve, 1));
  await reader.cancel();
  assertEquals((await waiting).done, true);
  gate.resolve();
  assertEquals((await running).status, "completed");
});

Deno.test("misuse of following is refused by name", async () => {
  const pipeline = ten();
  await assertRejects(() => Array.fromAsync(followRun(pipeline, "r")), RunNotFoundError, "follow");
  await assertRejects(() => followResponse(pipeline, "r"), RunNotFoundError, '"r"');
  for (const after of [-2, NaN, untyped<number>("7")]) {
    assertThrows(() => followRun(pipeline, "r", { after }), RangeError, "after");
  }
  for (const pollMs of [0, -1, NaN]) {
    assertThrows(() => followRun(pipeline, "r", { pollMs }), RangeError, "pollMs");
    await assertRejects(() => followResponse(pipeline, "r", { pollMs }), RangeError, "pollMs");
  }
  await pipeline.invoke({ log: [] }, { runId: "r" });
  for (const lastEventId of ["x", "-1", "1.5", "7.fin", "9".repeat(30), "7\u0000"]) {
    const response = await followResponse(pipeline, "r", { lastEventId });
    assertEquals(response.status, 400);
    assert((await response.text()).includes("Last-Event-ID"));
  }
});

Deno.test("a client that knows the end is not asked back, until the run went on", async () => {
  const checkpointer = new MemoryCheckpointer();
  const pipeline = definePipeline({
    name: "asks",
    state: unchecked<Work>(),
    nodes: { ask: () => pause("go on?"), last: () => {} },
    start: "ask",
    edges: { ask: "last", last: END },
  }, { checkpointer });
  await pipeline.invoke({}, { runId: "r" });
  const client = makeClient();
  const first = await followResponse(pipeline, "r", { lastEventId: "" });
  const types = await Array.fromAsync(messagesOf(first, client), ({ type }) => type);
  assertEquals(types, ["checkpointSaved", "checkpointSaved", "runEnded"]);
  const { lastEventId } = client;
  assertEquals((await followResponse(pipeline, "r", { lastEventId })).status, 204);
  await pipeline.resume("r", { approvePause: true });
  const second = await followResponse(pipeline, "r", { lastEventId });
  const ids = await Array.fromAsync(messagesOf(second, client), (it) => it.lastEventId);
  assertEquals(ids, ["2", "3", "4", "4.end"]);
});

/** A service that starts a run for the first request, and follows it for the others. */
function serve(pipeline: ReturnType<typeof ten>, cut: (request: number) => number) {
  const asked: (string | null)[] = [];
  const control = new AbortController();
  const server = Deno.serve({ port: 0, signal: control.signal, onListen() {} }, async (request) => {
    const lastEventId = request.headers.get("last-event-id");
    asked.push(lastEventId);
    const answer = asked.length === 1
      ? eventStreamResponse(
        pipeline.stream({ input: { log: [] }, runId: "r", onCancel: "detach" }),
        { retryMs: 1 },
      )
      : await followResponse(pipeline, "r", { lastEventId, pollMs: 1, retryMs: 1 });
    return new Response(answer.body && cutAfter(answer.body, cut(asked.length)), answer);
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    asked,
    async close() {
      control.abort();
      await server.finished;
    },
  };
}

/** A connection that is lost after so many chunks. */
function cutAfter(body: ReadableStream<Uint8Array<ArrayBuffer>>, chunks: number) {
  let left = chunks;
  return body.pipeThrough(
    new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform(chunk, controller) {
        if (left-- > 0) controller.enqueue(chunk);
        else controller.terminate();
      },
    }),
  );
}

Deno.test("a client that loses its connection again and again misses no checkpoint", async () => {
  const gate = Promise.withResolvers<void>();
  const pipeline = ten(async (visit) => {
    // The last steps are taken when the client is back.
    if (visit > 6) await gate.promise;
  });
  const service = serve(pipeline, (request) => 4 + request);
  const client = makeClient();
  const seen: string[] = [];
  for (let status = 0; status !== 204;) {
    const { lastEventId } = client;
    const headers = lastEventId === "" ? undefined : { "last-event-id": lastEventId };
    const response = await fetch(service.url, { headers });
    status = response.status;
    for await (const { type, data } of messagesOf(response, client)) {
      if (type === "checkpointSaved") seen.push(`saved ${JSON.parse(data).sequence}`);
      if (type === "runEnded") seen.push(`ended ${JSON.parse(data).result.status}`);
    }
    if (seen.length > 4) gate.resolve();
  }
  await service.close();
  assertEquals(seen, [...SEQUENCES, "ended completed"]);
  assert(service.asked.length > 3);
  assertEquals(service.asked.at(-1), "10.end");
});

Deno.test("an EventSource reconnects, catches up and stops by itself", async () => {
  const pipeline = ten();
  const service = serve(pipeline, (request) => request === 1 ? 6 : Infinity);
  const seen: string[] = [];
  const source = new EventSource(service.url);
  const note = ({ data, lastEventId }: MessageEvent) =>
    seen.push(`${JSON.parse(data).type} ${lastEventId}`);
  for (const type of ["checkpointSaved", "runEnded"]) source.addEventListener(type, note);
  const closed = Promise.withResolvers<void>();
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) closed.resolve();
  };
  await closed.promise;
  await service.close();
  assertEquals(seen, [
    ...Array.from({ length: 11 }, (_, sequence) => `checkpointSaved ${sequence}`),
    "runEnded 10.end",
  ]);
  const [first, second, last] = service.asked;
  assertEquals([service.asked.length, first, last], [3, null, "10.end"]);
  assert(Number(second) < 10);
});
