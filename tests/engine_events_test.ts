import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import {
  append,
  type Checkpointer,
  definePipeline,
  END,
  type EventHandler,
  pause,
  type RunEvent,
  send,
  unchecked,
} from "../mod.ts";
import { expectStatus, turns, untyped, watch } from "./engine_probes.ts";

interface Work {
  item: number;
  log: string[];
}

/** A fan-out of two, a retry, a pause and a last node. */
function eventful(onEvent: EventHandler<Work>, checkpointer: Checkpointer = watch()) {
  return definePipeline({
    name: "eventful",
    state: unchecked<Work>(),
    reducers: { log: append },
    nodes: {
      split: () => {},
      worker: async (state) => {
        await turns(30 * (2 - state.item));
        return { log: `${state.item}` };
      },
      ask: {
        run: (_state, { attempt }) => {
          if (attempt === 1) throw "not at once";
          return pause("good?");
        },
        retry: { attempts: 2 },
      },
      last: () => {
        throw new Error("not today");
      },
    },
    start: "split",
    edges: {
      split: (_state) => [0, 1].map((item) => send("worker", { item })),
      worker: "ask",
      ask: "last",
      last: END,
    },
  }, { checkpointer, onEvent });
}

function shown(event: RunEvent): string {
  switch (event.type) {
    case "runStarted":
      return `run ${event.resumed ? "resumed" : "started"}`;
    case "runEnded":
      return `run ${event.result.status}`;
    case "runInterrupted":
      return `run interrupted ${event.error}`;
    case "checkpointSaved":
      return `saved ${event.sequence} ${event.nodeId} ${event.status}`;
    case "taskRetried":
      return `${event.type} ${event.node} ${event.visit} attempt ${event.attempt} ${event.error}`;
    case "taskPaused":
      return `${event.type} ${event.node} ${event.visit} ${event.reason}`;
    case "taskFailed":
      return `${event.type} ${event.node} ${event.visit} ${event.error}`;
    default:
      return `${event.type} ${event.node} ${event.visit}`;
  }
}

Deno.test("events tell what happens, in the order in which it happens", async () => {
  const events: RunEvent<Work>[] = [];
  const pipeline = eventful((event) => events.push(event));
  const paused = await pipeline.invoke({}, { runId: "r" });
  const failed = await pipeline.resume("r", { approvePause: true });
  assertEquals(events.map(shown), [
    "run started",
    "saved 0 __start__ running",
    "taskStarted split 1",
    "taskFinished split 1",
    "saved 1 split running",
    "taskStarted worker 1",
    "taskStarted worker 2",
    "taskFinished worker 2",
    "saved 2 worker running",
    "taskFinished worker 1",
    "saved 3 worker running",
    "taskStarted ask 1",
    "taskRetried ask 1 attempt 1 not at once",
    "saved 4 ask running",
    "taskPaused ask 1 good?",
    "saved 5 ask paused",
    "run paused",
    "run resumed",
    "saved 6 __resume__ running",
    "saved 7 ask running",
    "taskStarted last 1",
    "taskFailed last 1 Error: not today",
    "saved 8 last failed",
    "run failed",
  ]);
  assertEquals(new Set(events.map(({ runId }) => runId)), new Set(["r"]));
  const results = events.flatMap((event) => event.type === "runEnded" ? [event.result] : []);
  assertStrictEquals(results[0], paused);
  assertStrictEquals(results[1], failed);
  const durations = events.flatMap((event) => "durationMs" in event ? [event.durationMs] : []);
  assertEquals(durations.length, 14);
  assert(durations.every((duration) => duration >= 0 && duration < 60_000));
});

Deno.test("a handler that throws goes to the console and breaks nothing", async () => {
  const said: unknown[][] = [];
  const { error } = console;
  console.error = (...words: unknown[]) => said.push(words);
  try {
    const boom = new Error("boom");
    const pipeline = eventful(() => {
      throw boom;
    });
    const result = await pipeline.invoke({}, { runId: "r" });
    assertEquals(result.state.log, ["0", "1"]);
    assertEquals(result.status, "paused");
    assertEquals(said.length, 17);
    assertStrictEquals(said[0]?.[1], boom);
    assertEquals(`${said[0]?.[0]}`.includes('"runStarted"'), true);
  } finally {
    console.error = error;
  }
});

Deno.test("an asynchronous handler that rejects does not end the process", async () => {
  const unhandled: unknown[] = [];
  const note = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    unhandled.push(event.reason);
  };
  const { error } = console;
  const said: unknown[][] = [];
  console.error = (...words: unknown[]) => said.push(words);
  globalThis.addEventListener("unhandledrejection", note);
  try {
    const pipeline = eventful(async () => await Promise.reject(new Error("boom")));
    assertEquals((await pipeline.invoke({})).status, "paused");
    // Deno tells of unhandled rejections when it comes back from the tasks at hand.
    await new Promise((resolve) => setTimeout(resolve));
    assertEquals(unhandled.length, 0);
    assertEquals(said.length, 17);
  } finally {
    globalThis.removeEventListener("unhandledrejection", note);
    console.error = error;
  }
});

Deno.test("a task that is cancelled tells the reason as its error", async () => {
  const controller = new AbortController();
  const events: RunEvent<Work>[] = [];
  const pipeline = definePipeline({
    name: "cancelled",
    state: unchecked<Work>(),
    nodes: {
      one: (_state, { signal }) => {
        controller.abort("enough");
        signal.throwIfAborted();
      },
    },
    start: "one",
    edges: { one: END },
  }, { onEvent: (event) => events.push(event) });
  expectStatus(await pipeline.invoke({}, { signal: controller.signal }), "cancelled");
  assertEquals(events.map(shown), [
    "run started",
    "taskStarted one 1",
    "taskFailed one 1 enough",
    "run cancelled",
  ]);
});

Deno.test("a task whose answer cannot be used is told as failed", async () => {
  const events: string[] = [];
  const pipeline = definePipeline({
    name: "unusable",
    state: unchecked<Work>(),
    nodes: { one: () => untyped<{ item: number }>(7) },
    start: "one",
    edges: { one: END },
  }, { onEvent: (event) => events.push(shown(event).split(":")[0] ?? "") });
  expectStatus(await pipeline.invoke({}), "failed");
  assertEquals(events, [
    "run started",
    "taskStarted one 1",
    "taskFailed one 1 TypeError",
    "run failed",
  ]);
});
