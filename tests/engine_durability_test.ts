import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import {
  append,
  CheckpointConflictError,
  type Checkpointer,
  type CheckpointRecord,
  CheckpointSaveError,
  definePipeline,
  type Durability,
  END,
  type EventHandler,
  MemoryCheckpointer,
  pause,
  send,
  StateSerializationError,
  unchecked,
} from "../mod.ts";
import { expectStatus, turns, untilAborted, untyped, watch } from "./engine_probes.ts";

const ALL: readonly Durability[] = ["sync", "async", "exit"];

interface Work {
  log: string[];
  value: unknown;
}

type Effect = (node: string, signal: AbortSignal) => unknown;

interface Setting {
  readonly durability: Durability;
  readonly checkpointer: Checkpointer;
  readonly onEvent?: EventHandler<Work>;
}

/** Four nodes in a line; what they do beside their update is handed in. */
function line(setting: Setting, effect: Effect = () => {}) {
  const node = async (_state: Readonly<Work>, context: { node: string; signal: AbortSignal }) => {
    await effect(context.node, context.signal);
    return { log: context.node };
  };
  return definePipeline({
    name: "line",
    state: unchecked<Work>(),
    reducers: { log: append },
    nodes: { one: node, two: node, three: node, four: node },
    start: "one",
    edges: { one: "two", two: "three", three: "four", four: END },
  }, setting);
}

/** A store whose saves wait to be let through, the first one excepted. */
function heldStore(inner: Checkpointer = new MemoryCheckpointer()) {
  const told: string[] = [];
  const gates = new Map<number, PromiseWithResolvers<void>>();
  const gate = (sequence: number) => {
    const known = gates.get(sequence) ?? Promise.withResolvers<void>();
    gates.set(sequence, known);
    return known;
  };
  const checkpointer = watch(async ({ sequence }) => {
    told.push(`save ${sequence}`);
    if (sequence > 0) await gate(sequence).promise;
    told.push(`saved ${sequence}`);
  }, inner);
  return { checkpointer, told, letThrough: (sequence: number) => gate(sequence).resolve() };
}

/** Lets a run get as far as it can. */
async function standstill(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve));
}

function shown({ sequence, nodeId, status }: CheckpointRecord): string {
  return `${sequence} ${nodeId} ${status}`;
}

Deno.test("async: a step is saved while the next one runs, and the one after waits for that", async () => {
  const { checkpointer, told, letThrough } = heldStore();
  const pipeline = line({ durability: "async", checkpointer }, (node) => told.push(`run ${node}`));
  const run = pipeline.invoke({});
  await standstill();
  assertEquals(told.splice(0), ["save 0", "saved 0", "run one", "save 1", "run two"]);
  letThrough(1);
  await standstill();
  assertEquals(told.splice(0), ["saved 1", "save 2", "run three"]);
  letThrough(2);
  await standstill();
  assertEquals(told.splice(0), ["saved 2", "save 3", "run four"]);
  letThrough(3);
  await standstill();
  assertEquals(told.splice(0), ["saved 3", "save 4"]);
  letThrough(4);
  expectStatus(await run, "completed");
});

Deno.test("whatever the durability, everything is stored before the call comes back", async () => {
  for (const durability of ALL) {
    const events: string[] = [];
    const checkpointer = watch(() => turns(50));
    const onEvent: EventHandler<Work> = ({ type }) => events.push(type);
    const result = await line({ durability, checkpointer, onEvent }).invoke({});
    assertEquals(checkpointer.records.at(-1)?.status, "completed", durability);
    assertEquals(checkpointer.records.at(-1)?.completedNodes, result.completedNodes);
    assertEquals(events.slice(-2), ["checkpointSaved", "runEnded"]);
  }
});

Deno.test("whatever the durability, the start and the claim are stored before a node runs", async () => {
  for (const durability of ALL) {
    const told: string[] = [];
    const checkpointer = watch(async ({ nodeId }) => {
      await turns(50);
      told.push(nodeId);
    });
    let isBroken = true;
    const pipeline = line({ durability, checkpointer }, (node) => {
      told.push(`run ${node}`);
      if (isBroken) throw new Error("not today");
    });
    expectStatus(await pipeline.invoke({}, { runId: "r" }), "failed");
    assertEquals(told.splice(0, 2), ["__start__", "run one"], durability);
    isBroken = false;
    told.length = 0;
    expectStatus(await pipeline.resume("r"), "completed");
    assertEquals(told.splice(0, 2), ["__resume__", "run one"], durability);
  }
});

Deno.test("async: a failed save aborts the step under way, awaits it, and ends the run before the next", async () => {
  const cause = new Error("disk full");
  const inner = new MemoryCheckpointer();
  const told: string[] = [];
  const started = Promise.withResolvers<void>();
  const checkpointer = watch(async ({ sequence }) => {
    if (sequence !== 2) return;
    await started.promise;
    throw cause;
  }, inner);
  let reason: unknown;
  const pipeline = line({ durability: "async", checkpointer }, async (node, signal) => {
    told.push(`run ${node}`);
    if (node !== "three") return;
    started.resolve();
    await untilAborted(signal).catch((error) => reason = error);
    await turns(50);
    told.push("end three");
  });
  const error = await assertRejects(
    () => pipeline.invoke({}, { runId: "r" }),
    CheckpointSaveError,
  );
  assertEquals([error.lastSequence, error.cause], [1, cause]);
  assertStrictEquals(reason, error);
  assertEquals(told, ["run one", "run two", "run three", "end three"]);
  assertEquals(checkpointer.records.map(shown), ["0 __start__ running", "1 one running"]);
  const result = await line({ durability: "async", checkpointer: inner }).resume("r");
  assertEquals(expectStatus(result, "completed").state.log, ["one", "two", "three", "four"]);
});

Deno.test("async: a last save that fails fails the call", async () => {
  const cause = new Error("disk full");
  const checkpointer = watch(({ status }) => {
    if (status === "completed") throw cause;
  });
  const error = await assertRejects(
    () => line({ durability: "async", checkpointer }).invoke({}),
    CheckpointSaveError,
  );
  assertEquals([error.lastSequence, error.cause], [3, cause]);
});

Deno.test("async: a worker that was fenced off is aborted in its next step and stores no more", async () => {
  const inner = new MemoryCheckpointer();
  const { checkpointer, letThrough } = heldStore(inner);
  const started = Promise.withResolvers<void>();
  const told: string[] = [];
  let reason: unknown;
  const lost = line({ durability: "async", checkpointer }, async (node, signal) => {
    told.push(`lost ${node}`);
    if (node !== "two") return;
    started.resolve();
    await untilAborted(signal).catch((error) => reason = error);
  }).invoke({}, { runId: "r" });
  await started.promise;
  const rival = line({ durability: "sync", checkpointer: inner });
  expectStatus(await rival.resume("r"), "completed");
  const stored = await Array.fromAsync(inner.history("line", "r"));
  letThrough(1);
  const error = await assertRejects(() => lost, CheckpointConflictError);
  assertStrictEquals(reason, error);
  assertEquals(told, ["lost one", "lost two"]);
  assertEquals(await Array.fromAsync(inner.history("line", "r")), stored);
  assertEquals(new Set(stored.map(({ writer }) => writer)).size, 2);
});

Deno.test("async: a run id that is taken is refused before any node runs", async () => {
  for (const durability of ALL) {
    const checkpointer = new MemoryCheckpointer();
    const told: string[] = [];
    const pipeline = line({ durability, checkpointer }, (node) => told.push(node));
    await pipeline.invoke({}, { runId: "r" });
    told.length = 0;
    await assertRejects(
      () => pipeline.invoke({}, { runId: "r" }),
      Error,
      "run with this id exists",
    );
    assertEquals(told, [], durability);
  }
});

Deno.test("exit: the start is saved, and the end with everything until then", async () => {
  const checkpointer = watch();
  const result = await line({ durability: "exit", checkpointer }).invoke({});
  assertEquals(checkpointer.records.map(shown), ["0 __start__ running", "1 four completed"]);
  const last = checkpointer.records.at(-1);
  assertEquals<unknown>(last?.state, result.state);
  assertEquals([last?.steps, last?.completedNodes], [4, ["one", "two", "three", "four"]]);
  assertEquals(checkpointer.changes.at(-1)?.completedNodes, ["one", "two", "three", "four"]);
});

Deno.test("exit: a failure, a pause and a cancellation are saved, sequences without holes", async () => {
  const checkpointer = watch();
  const controller = new AbortController();
  let isBroken = true;
  const pipeline = definePipeline({
    name: "exits",
    state: unchecked<Work>(),
    reducers: { log: append },
    nodes: {
      one: () => ({ log: "one" }),
      fail: () => {
        if (isBroken) throw new Error("not today");
      },
      ask: () => pause("good?"),
      cancel: () => controller.abort(),
      last: () => ({ log: "last" }),
    },
    start: "one",
    edges: { one: "fail", fail: "ask", ask: "cancel", cancel: "last", last: END },
  }, { checkpointer, durability: "exit" });
  const failed = expectStatus(await pipeline.invoke({}, { runId: "r" }), "failed");
  assertEquals(failed.completedNodes, ["one"]);
  isBroken = false;
  expectStatus(await pipeline.resume("r"), "paused");
  const { signal } = controller;
  expectStatus(await pipeline.resume("r", { approvePause: true, signal }), "cancelled");
  const { state } = expectStatus(await pipeline.resume("r"), "completed");
  assertEquals(state.log, ["one", "last"]);
  assertEquals(checkpointer.records.map(shown), [
    "0 __start__ running",
    "1 fail failed",
    "2 __resume__ running",
    "3 ask paused",
    "4 __resume__ running",
    "5 __cancel__ cancelled",
    "6 __resume__ running",
    "7 last completed",
  ]);
});

/** Three workers side by side, of which the last one throws when the others have finished. */
function fanOut(durability: Durability, checkpointer: Checkpointer, isBroken: boolean) {
  const calls: string[] = [];
  const pipeline = definePipeline({
    name: "fan-out",
    state: unchecked<Work & { item: number }>(),
    reducers: { log: append },
    nodes: {
      split: () => {},
      worker: async ({ item }) => {
        calls.push(`${item}`);
        if (item === 2) await turns(100);
        if (item === 2 && isBroken) throw new Error("not today");
        return { log: `${item}` };
      },
    },
    start: "split",
    edges: { split: () => [0, 1, 2].map((item) => send("worker", { item })), worker: END },
  }, { checkpointer, durability });
  return { pipeline, calls };
}

Deno.test("a fan-out is saved as its tasks finish, but for exit; beside a failure all are kept", async () => {
  for (const durability of ALL) {
    const checkpointer = watch();
    const broken = fanOut(durability, checkpointer, true);
    expectStatus(await broken.pipeline.invoke({}, { runId: "r" }), "failed");
    const finished = checkpointer.records.map(({ tasks }) =>
      tasks.filter(({ status }) => status === "finished").length
    );
    assertEquals(finished.slice(0, -1).some((count) => count > 0), durability !== "exit");
    assertEquals(finished.at(-1), 2, durability);
    const { pipeline, calls } = fanOut(durability, checkpointer, false);
    const { state } = expectStatus(await pipeline.resume("r"), "completed");
    assertEquals(state.log, ["0", "1", "2"], durability);
    assertEquals(calls, ["2"], durability);
  }
});

Deno.test("exit: an update without a stored form fails its own step, and those before are kept", async () => {
  const checkpointer = watch();
  const pipeline = definePipeline({
    name: "unstorable",
    state: unchecked<Work>(),
    reducers: { log: append },
    nodes: { one: () => ({ log: "one" }), two: () => ({ value: () => {} }) },
    start: "one",
    edges: { one: "two", two: END },
  }, { checkpointer, durability: "exit" });
  const { failedNode, error, state } = expectStatus(await pipeline.invoke({}), "failed");
  assertEquals([failedNode, error instanceof StateSerializationError], ["two", true]);
  assertEquals<unknown>(state, { log: ["one"] });
  assertEquals(checkpointer.records.map(shown), ["0 __start__ running", "1 two failed"]);
  assertEquals<unknown>(checkpointer.records.at(-1)?.state, { log: ["one"] });
});

Deno.test("a durability that nobody knows is refused, and the known ones are named", () => {
  for (const durability of ["never", "", null, 1]) {
    const checkpointer = new MemoryCheckpointer();
    const error = assertThrows(
      () => line({ durability: untyped<Durability>(durability), checkpointer }),
      TypeError,
      'Cannot define pipeline "line": durability is',
    );
    assertEquals(error.message.endsWith('must be one of "sync", "async", "exit"'), true);
  }
});
