import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  CheckpointConflictError,
  type Checkpointer,
  type CheckpointRecord,
  definePipeline,
  END,
  MemoryCheckpointer,
  type NodeContext,
  type PipelineOptions,
  RecoveryLimitError,
  RunActiveError,
  unchecked,
} from "../mod.ts";
import { expectStatus, untilAborted, watch } from "./engine_probes.ts";
import { makeRecord } from "./suite/samples.ts";

interface Work {
  readonly by: string;
}

type Node = (context: NodeContext) => void | Promise<void>;

function line(
  checkpointer: Checkpointer,
  by: string,
  first: Node = () => {},
  options: Omit<PipelineOptions<Work>, "checkpointer"> = {},
) {
  return definePipeline({
    name: "line",
    state: unchecked<Work>(),
    nodes: {
      one: async (_, context) => {
        await first(context);
        return { by };
      },
      two: () => {},
    },
    start: "one",
    edges: { one: "two", two: END },
  }, { checkpointer, ...options });
}

/** What a worker stored before it died, as long ago as its lease lasts. */
function left(more: Partial<CheckpointRecord> = {}): CheckpointRecord {
  return makeRecord({
    pipelineName: "line",
    state: { by: "nobody" },
    tasks: [{ node: "one", visit: 1, status: "pending" }],
    leaseMs: 1,
    ...more,
  });
}

async function leave(
  store: Checkpointer,
  ...runs: readonly Partial<CheckpointRecord>[]
): Promise<void> {
  for (const run of runs) await store.save(left(run));
  await pass(5);
}

function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

Deno.test("a run that a worker is at is not resumed unless it is taken over", async () => {
  const store = new MemoryCheckpointer();
  const [started, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const slow = line(store, "slow", async () => {
    started.resolve();
    await released.promise;
  }).invoke({ by: "" }, { runId: "r" });
  await started.promise;
  const quick = line(store, "quick", () => {}, { leaseMs: 1 });
  const error = await assertRejects(() => quick.resume("r"), RunActiveError, "takeOver");
  assert(error.retryAfterMs > 0 && error.retryAfterMs <= 30_000, `${error.retryAfterMs}`);
  assertEquals((await store.loadLatest("line", "r"))?.sequence, 0, "nothing was changed");
  assertEquals(await quick.recover(), []);
  expectStatus(await quick.resume("r", { takeOver: true }), "completed");
  released.resolve();
  await assertRejects(() => slow, CheckpointConflictError);
  assertEquals((await store.loadLatest("line", "r"))?.state, { by: "quick" });
});

Deno.test("a worker is heard of while a node takes many times its lease", async () => {
  const store = new MemoryCheckpointer();
  const slow = line(store, "slow", () => pass(600), { leaseMs: 90 });
  const running = slow.invoke({ by: "" }, { runId: "r" });
  for (let look = 0; look < 4; look++) {
    await pass(120);
    await assertRejects(() => line(store, "quick").resume("r"), RunActiveError);
    assertEquals(await line(store, "quick").recover(), []);
  }
  assertEquals(expectStatus(await running, "completed").state.by, "slow");
});

Deno.test("a node is told by its signal when its worker has lost the run", async () => {
  const store = new MemoryCheckpointer();
  const started = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<unknown>();
  const slow = line(store, "slow", async ({ signal }) => {
    signal.addEventListener("abort", () => aborted.resolve(signal.reason));
    started.resolve();
    await aborted.promise;
  }, { leaseMs: 60 }).invoke({ by: "" }, { runId: "r" });
  await started.promise;
  expectStatus(await line(store, "quick").resume("r", { takeOver: true }), "completed");
  assert(await aborted.promise instanceof CheckpointConflictError);
  await assertRejects(() => slow, CheckpointConflictError);
});

Deno.test("a worker that has lost the run stores nothing, not even that it stops", async () => {
  const inner = new MemoryCheckpointer();
  // It says so of a run that it would still take a save of.
  const store: Checkpointer = { ...watch(() => {}, inner), touch: () => Promise.resolve(false) };
  const stopped = line(store, "me", ({ signal }) => untilAborted(signal), { leaseMs: 30 });
  await assertRejects(() => stopped.invoke({ by: "" }, { runId: "r" }), CheckpointConflictError);
  const latest = await inner.loadLatest("line", "r");
  assertEquals([latest?.sequence, latest?.status], [0, "running"]);
});

Deno.test("a store that cannot be touched for a while stops no run", async () => {
  const inner = new MemoryCheckpointer();
  let touches = 0;
  const store: Checkpointer = {
    ...watch(() => {}, inner),
    touch() {
      touches++;
      return Promise.reject(new Error("away"));
    },
  };
  const result = await line(store, "me", () => pass(200), { leaseMs: 60 }).invoke({ by: "" });
  expectStatus(result, "completed");
  assert(touches > 1, `touched ${touches} times`);
});

Deno.test("the runs of dead workers are recovered, each once, however many workers sweep", async () => {
  const store = new MemoryCheckpointer();
  const runIds = Array.from({ length: 20 }, (_, index) => `run ${index}`);
  await leave(store, ...runIds.map((runId) => ({ runId })));
  const effects: string[] = [];
  const sweeps = Array.from(
    { length: 8 },
    (_, worker) =>
      line(store, `worker ${worker}`, async ({ taskId }) => {
        await pass(1);
        effects.push(taskId);
      }).recover(),
  );
  const recovered = (await Promise.all(sweeps)).flat();
  assertEquals(recovered.map(({ runId }) => runId).sort(), runIds.toSorted());
  for (const { result } of recovered) assertEquals(result?.status, "completed");
  assertEquals(effects.sort(), runIds.map((runId) => `line/${runId}/one/1`).sort());
});

Deno.test("runs that stand still are no business of a recovery", async () => {
  const store = new MemoryCheckpointer();
  const statuses = ["paused", "failed", "cancelled", "completed"] as const;
  await leave(store, ...statuses.map((status) => ({ runId: status, status })));
  assertEquals(await line(store, "sweeper").recover(), []);
  for (const status of statuses) {
    assertEquals((await store.loadLatest("line", status))?.status, status);
  }
});

Deno.test("a recovery takes as many runs as it is told to", async () => {
  const store = new MemoryCheckpointer();
  await leave(store, { runId: "a" }, { runId: "b" }, { runId: "c" });
  const pipeline = line(store, "sweeper");
  assertEquals((await pipeline.recover({ limit: 0 })).length, 0);
  assertEquals((await pipeline.recover({ limit: 2, concurrency: 2 })).length, 2);
  assertEquals((await pipeline.recover({ limit: 2 })).length, 1);
  assertEquals((await pipeline.recover()).length, 0);
});

Deno.test("workers that die in one step are counted, until the step is finished", async () => {
  const store = watch(() => {}, new MemoryCheckpointer());
  const leasing: Checkpointer = { ...store, touch: () => Promise.resolve(true) };
  await leave(store, { recoveries: 3 });
  const [recovery] = await line({ ...leasing, listRuns: asDead(store) }, "sweeper").recover();
  assertEquals(recovery?.result?.status, "completed");
  assertEquals(
    store.records.slice(1).map(({ nodeId, recoveries }) => [nodeId, recoveries]),
    [["__resume__", 4], ["one", undefined], ["two", undefined]],
  );
});

/** Lists runs as a store without a clock would: nobody is known to be alive. */
function asDead(store: Checkpointer): Checkpointer["listRuns"] {
  return async function* (pipelineName, options) {
    for await (const run of store.listRuns(pipelineName, options)) {
      yield { ...run, idleMs: undefined };
    }
  };
}

Deno.test("a run that kills its workers is given up as failed, and may be resumed by hand", async () => {
  const store = new MemoryCheckpointer();
  await leave(store, { recoveries: 5 });
  const ran: string[] = [];
  const pipeline = line(store, "sweeper", ({ node }) => void ran.push(node));
  const [recovery] = await pipeline.recover();
  const { result } = recovery ?? {};
  assert(result !== undefined);
  const failed = expectStatus(result, "failed");
  assert(failed.error instanceof RecoveryLimitError);
  assertEquals([failed.failedNode, ran], ["one", []]);
  const record = await store.loadLatest("line", "run");
  assertEquals(record?.failures.map(({ error }) => error.name), ["RecoveryLimitError"]);
  assertEquals(await pipeline.recover(), []);
  expectStatus(await pipeline.resume("run"), "completed");
  assertEquals(ran, ["one"]);
});

Deno.test("the limit of recoveries is the pipeline's to choose", async () => {
  const store = new MemoryCheckpointer();
  await leave(store, { runId: "none" }, { runId: "one", recoveries: 1 });
  const recovered = await line(store, "sweeper", () => {}, { maxRecoveries: 1 }).recover();
  assertEquals(
    recovered.map(({ runId, result }) => [runId, result?.status]).sort(),
    [["none", "completed"], ["one", "failed"]],
  );
});

Deno.test("a run that cannot be gone on with does not keep others from being recovered", async () => {
  const store = new MemoryCheckpointer();
  await leave(store, { runId: "a" }, {
    runId: "b",
    tasks: [{ node: "gone", visit: 1, status: "pending" }],
  }, { runId: "c" });
  const recovered = await line(store, "sweeper").recover();
  assertEquals(
    recovered.map((it) => [it.runId, it.result?.status ?? String(it.error).split(":")[0]]).sort(),
    [["a", "completed"], ["b", "UnknownNodeError"], ["c", "completed"]],
  );
});

Deno.test("a recovery whose list breaks off ends what it began, and tells", async () => {
  const store = new MemoryCheckpointer();
  await leave(store, { runId: "a" });
  const list = store.listRuns.bind(store);
  store.listRuns = async function* (pipelineName, options) {
    yield* list(pipelineName, options);
    throw new Error("away");
  };
  await assertRejects(() => line(store, "sweeper", () => pass(20)).recover(), Error, "away");
  assertEquals((await store.loadLatest("line", "a"))?.status, "completed");
});

Deno.test("a store that keeps no leases refuses no resume and no recovery is promised on it", async () => {
  const store = watch();
  const [started, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const slow = line(store, "slow", async () => {
    started.resolve();
    await released.promise;
  }).invoke({ by: "" }, { runId: "r" });
  await started.promise;
  expectStatus(await line(store, "quick").resume("r"), "completed");
  released.resolve();
  await assertRejects(() => slow, CheckpointConflictError);
  assertEquals(store.records[0]?.leaseMs, undefined);
  await assertRejects(() => line(store, "sweeper").recover(), TypeError, "touch");
});

Deno.test("options of leases that cannot be kept are refused", async () => {
  const store = new MemoryCheckpointer();
  for (const options of [{ leaseMs: 0 }, { leaseMs: NaN }, { maxRecoveries: -1 }]) {
    try {
      line(store, "", () => {}, options);
      throw new Error(`${JSON.stringify(options)} was taken`);
    } catch (error) {
      assert(error instanceof RangeError, String(error));
    }
  }
  await assertRejects(() => line(store, "").recover({ concurrency: 0 }), RangeError);
  await assertRejects(() => line(store, "").recover({ limit: -1 }), RangeError);
});
