import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  append,
  CheckpointConflictError,
  type Checkpointer,
  type CheckpointRecord,
  CheckpointSaveError,
  definePipeline,
  END,
  MemoryCheckpointer,
  StateSerializationError,
  unchecked,
} from "../mod.ts";
import { expectStatus, watch } from "./engine_probes.ts";

interface Work {
  count: number;
  log: string[];
}

/** Three nodes in a line, the second edge a function; all that happens goes to `told`. */
function line(checkpointer: Checkpointer, told: string[] = []) {
  return definePipeline({
    name: "line",
    state: unchecked<Work>(),
    reducers: { log: append },
    nodes: {
      one: (_state, { node }) => {
        told.push("run one");
        return { log: node, count: 1 };
      },
      two: (state, { node }) => {
        told.push("run two");
        return { log: node, count: state.count + 1 };
      },
      three: (_state, { node }) => {
        told.push("run three");
        return { log: node };
      },
    },
    start: "one",
    edges: {
      one: "two",
      two: (state) => {
        told.push("ask two");
        return state.count > 1 ? "three" : END;
      },
      three: END,
    },
  }, { checkpointer });
}

Deno.test("every step is saved before the next one runs, sequence 0 before any", async () => {
  const told: string[] = [];
  const store = watch((record) => {
    told.push(`save ${record.sequence}`);
  });
  await line(store, told).invoke({});
  assertEquals(told, [
    "save 0",
    "run one",
    "save 1",
    "run two",
    "ask two",
    "save 2",
    "run three",
    "save 3",
  ]);
});

Deno.test("a checkpoint holds the state and the tasks that come next", async () => {
  const store = watch();
  const { runId } = await line(store).invoke({ log: ["start"] });
  const [writer] = new Set(store.records.map((record) => record.writer));
  const told = store.records.map(({ sequence, nodeId, status, state, tasks, steps }) =>
    [sequence, nodeId, status, state, tasks, steps] as const
  );
  const pending = (node: string) => [{ node, visit: 1, status: "pending" as const }];
  assertEquals<unknown>(told, [
    [0, "__start__", "running", { log: ["start"] }, pending("one"), 0],
    [1, "one", "running", { log: ["start", "one"], count: 1 }, pending("two"), 1],
    [2, "two", "running", { log: ["start", "one", "two"], count: 2 }, pending("three"), 2],
    [3, "three", "completed", { log: ["start", "one", "two", "three"], count: 2 }, [], 3],
  ]);
  assertEquals(store.records.map(({ completedNodes }) => completedNodes.join()), [
    "",
    "one",
    "one,two",
    "one,two,three",
  ]);
  for (const record of store.records) {
    assertEquals([record.pipelineName, record.runId, record.writer], ["line", runId, writer]);
    assertEquals([record.version, record.paused, record.failures.length], [1, false, 0]);
    assertEquals(new Date(record.savedAt).toISOString(), record.savedAt);
  }
});

Deno.test("a failed save rejects, whichever it is, and no node runs after it", async () => {
  const undisturbed = ["run one", "run two", "ask two", "run three"];
  for (const [failing, done, stored] of [[0, 0, 0], [1, 1, 0], [2, 3, 1], [3, 4, 3]] as const) {
    const cause = new Error("disk full");
    const inner = new MemoryCheckpointer();
    const store = watch(({ sequence }) => {
      if (sequence === failing) throw cause;
    }, inner);
    const calls: string[] = [];
    const error = await assertRejects(
      () => line(store, calls).invoke({}, { runId: "r" }),
      CheckpointSaveError,
    );
    assertEquals(calls, undisturbed.slice(0, done));
    assertEquals([error.name, error.pipelineName], ["CheckpointSaveError", "line"]);
    assertEquals([error.runId, error.lastSequence, error.cause], ["r", failing - 1, cause]);
    for (const word of ['run "r"', 'pipeline "line"', `checkpoint ${failing}`, "disk full"]) {
      assertStringIncludes(error.message, word);
    }
    if (failing === 0) continue;
    const resumed: string[] = [];
    const result = expectStatus(await line(inner, resumed).resume("r"), "completed");
    assertEquals(result.state, { log: ["one", "two", "three"], count: 2 });
    assertEquals(resumed, undisturbed.slice(stored));
  }
});

Deno.test("what a store throws may be anything", async () => {
  const store = watch(() => {
    throw "no reason";
  });
  const error = await assertRejects(() => line(store).invoke({}), CheckpointSaveError);
  assertEquals(error.cause, "no reason");
  assertStringIncludes(error.message, "no reason");
});

Deno.test("a router is not asked again after a crash: what comes next is stored", async () => {
  const inner = new MemoryCheckpointer();
  const store = watch(({ sequence }) => {
    if (sequence === 3) throw new Error("the machine is gone");
  }, inner);
  const told: string[] = [];
  await assertRejects(() => line(store, told).invoke({}, { runId: "r" }), CheckpointSaveError);
  await line(inner, told).resume("r");
  assertEquals(told, ["run one", "run two", "ask two", "run three", "run three"]);
});

Deno.test("a conflict comes through as it is, and no node runs after it", async () => {
  const conflict = (record: CheckpointRecord) => new CheckpointConflictError(record);
  const store = watch((record) => {
    if (record.sequence === 1) throw conflict(record);
  });
  const told: string[] = [];
  const error = await assertRejects(
    () => line(store, told).invoke({}, { runId: "r" }),
    CheckpointConflictError,
  );
  assertEquals([error.runId, error.sequence], ["r", 1]);
  assertEquals(told, ["run one"]);
});

Deno.test("of two workers on one run the one that was fenced off stops at its next save", async () => {
  const store = new MemoryCheckpointer();
  const [started, resumed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const calls: string[] = [];
  const define = (during: () => Promise<void>) =>
    definePipeline({
      name: "fenced",
      state: unchecked<Work>(),
      nodes: {
        one: async () => {
          await during();
          return { count: 1 };
        },
        two: () => {
          calls.push("two");
        },
      },
      start: "one",
      edges: { one: "two", two: END },
    }, { checkpointer: store });
  const slow = define(async () => {
    started.resolve();
    await resumed.promise;
  }).invoke({}, { runId: "r" });
  await started.promise;
  await define(() => Promise.resolve()).resume("r", { takeOver: true });
  resumed.resolve();
  await assertRejects(() => slow, CheckpointConflictError, 'run "r"');
  assertEquals(calls, ["two"], "the node after the fence ran for the second worker alone");
});

Deno.test("of two resumes at once one goes on and the other loses before any node runs", async () => {
  const inner = new MemoryCheckpointer();
  const failing = watch(({ sequence }) => {
    if (sequence === 1) throw new Error("crash");
  }, inner);
  await assertRejects(() => line(failing).invoke({}, { runId: "r" }), CheckpointSaveError);
  const told: string[][] = [[], []];
  const results = await Promise.allSettled(told.map((calls) => line(inner, calls).resume("r")));
  assertEquals(results.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
  const lost = results.findIndex(({ status }) => status === "rejected");
  assertEquals(told[lost], []);
  assertEquals(told[1 - lost], ["run one", "run two", "ask two", "run three"]);
});

Deno.test("an input without a stored form is refused before anything is stored", async () => {
  const store = watch();
  const pipeline = definePipeline({
    name: "inputs",
    state: unchecked<{ run: () => void }>(),
    nodes: { one: () => {} },
    start: "one",
    edges: { one: END },
  }, { checkpointer: store });
  const error = await assertRejects(
    () => pipeline.invoke({ run: () => {} }, { runId: "r" }),
    StateSerializationError,
  );
  assertEquals(error.path, "state.run");
  assertEquals(store.records, []);
});

for (const durability of ["sync", "async"] as const) {
  Deno.test(`records of a long run hold what they did when they were saved, whenever they are read: ${durability}`, async () => {
    const records: CheckpointRecord[] = [];
    // Keeps the very records, and reads none of them meanwhile.
    const store: Checkpointer = {
      save(record) {
        records.push(record);
        return Promise.resolve();
      },
      loadLatest: () => Promise.resolve(undefined),
      async *listRuns() {},
      async *history() {},
      deleteRun: () => Promise.resolve(),
    };
    const pipeline = definePipeline({
      name: "long",
      state: unchecked<{ count: number }>(),
      nodes: {
        even: ({ count }) => ({ count: count + 1 }),
        odd: ({ count }) => ({ count: count + 1 }),
      },
      start: "even",
      edges: { even: "odd", odd: ({ count }) => count < 600 ? "even" : END },
    }, { checkpointer: store, durability, recursionLimit: Infinity });
    const result = await pipeline.invoke({ count: 0 });
    assertEquals(result.completedNodes.length, 600);
    assertEquals(records.length, 601);
    for (const [sequence, record] of records.entries()) {
      const expected = result.completedNodes.slice(0, sequence);
      assertEquals(record.completedNodes, expected);
      assertEquals({ ...record }.completedNodes, expected);
      assertEquals(JSON.parse(JSON.stringify(record)).completedNodes, expected);
      assertEquals(record.completedNodes, record.completedNodes);
    }
  });
}
