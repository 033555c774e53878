import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  CheckpointConflictError,
  type Checkpointer,
  CheckpointLoadError,
  CheckpointSaveError,
  definePipeline,
  END,
  MemoryCheckpointer,
  type NodeContext,
  type PipelineOptions,
  subPipeline,
  unchecked,
} from "../mod.ts";
import { expectStatus, untilAborted } from "./engine_probes.ts";
import { FaultyCheckpointer, type Operation } from "./faulty_checkpointer.ts";

interface Work {
  readonly by: string;
}

type Node = (state: Work, context: NodeContext) => unknown;

const HERE = { runId: "r" } as const;

function line(
  checkpointer: Checkpointer,
  first: Node = () => {},
  options: Omit<PipelineOptions<Work>, "checkpointer"> = {},
) {
  return definePipeline({
    name: "line",
    state: unchecked<Work>(),
    nodes: {
      one: async (state, context) => {
        await first(state, context);
        return { by: "one" };
      },
      two: () => ({ by: "two" }),
    },
    start: "one",
    edges: { one: "two", two: END },
  }, { checkpointer, leaseMs: 30, ...options });
}

function hanging(store: Checkpointer, at: Operation, nth: number): FaultyCheckpointer {
  return new FaultyCheckpointer(store, { at, nth, how: "hang" });
}

/** A signal that aborts when the store hangs, with why. */
function impatient({ hangs }: FaultyCheckpointer) {
  const control = new AbortController();
  const reason = new Error("the user has waited for long enough");
  void hangs.then(() => control.abort(reason));
  return { signal: control.signal, reason };
}

/** The store, of which one method never answers. */
function silent(store: Checkpointer, method: "trim" | "listRuns") {
  const hang = Promise.withResolvers<void>();
  const never = () => {
    hang.resolve();
    return new Promise<never>(() => {});
  };
  const checkpointer: Checkpointer = {
    save: (record, change) => store.save(record, change),
    loadLatest: (name, runId) => store.loadLatest(name, runId),
    history: (name, runId) => store.history(name, runId),
    deleteRun: (name, runId) => store.deleteRun(name, runId),
    touch: () => Promise.resolve(true),
    trim: method === "trim" ? never : () => Promise.resolve(0),
    listRuns: (name, options) =>
      method === "trim"
        ? store.listRuns(name, options)
        : { [Symbol.asyncIterator]: () => ({ next: never }) },
  };
  return { checkpointer, hangs: hang.promise };
}

Deno.test("a save that never answers is given up once the signal aborts, and says why", async () => {
  const store = new MemoryCheckpointer();
  const checkpointer = hanging(store, "save", 2);
  const { signal, reason } = impatient(checkpointer);
  const error = await assertRejects(
    () => line(checkpointer).invoke({ by: "" }, { ...HERE, signal }),
    CheckpointSaveError,
    "did not answer within 30 ms after the call was aborted",
  );
  assertEquals(error.lastSequence, 0);
  assertInstanceOf(error.cause, Error);
  assertEquals(error.cause.cause, reason);
  expectStatus(await line(store).resume("r"), "completed");
});

Deno.test("a load that never answers is given up once the signal aborts, and changes nothing", async () => {
  const store = new MemoryCheckpointer();
  await line(store, () => Promise.reject(new Error("not yet"))).invoke({ by: "" }, HERE);
  const before = await store.loadLatest("line", "r");
  for (const verb of ["resume", "reject"] as const) {
    const checkpointer = hanging(store, "load", 1);
    const { signal } = impatient(checkpointer);
    const error = await assertRejects(
      () => line(checkpointer)[verb]("r", { signal }),
      CheckpointLoadError,
      verb === "resume" ? 'Cannot resume run "r"' : 'Cannot reject a pause of run "r"',
    );
    assertEquals([error.pipelineName, error.runId], ["line", "r"]);
  }
  assertEquals({ ...await store.loadLatest("line", "r"), idleMs: 0 }, { ...before, idleMs: 0 });
});

Deno.test("a load that fails is told with its cause", async () => {
  const store = new MemoryCheckpointer();
  await line(store, () => Promise.reject(new Error("not yet"))).invoke({ by: "" }, HERE);
  for (const call of ["resume", "cancel", "reject"] as const) {
    const checkpointer = new FaultyCheckpointer(store, { at: "load", nth: 1, how: "before" });
    await assertRejects(
      () => line(checkpointer)[call]("r"),
      CheckpointLoadError,
      "The store failed at load 1 before",
    );
  }
});

Deno.test("an answer that comes soon after the signal aborted still counts", async () => {
  const store = new MemoryCheckpointer();
  const control = new AbortController();
  const slow: Checkpointer = new FaultyCheckpointer(store);
  const save = slow.save.bind(slow);
  slow.save = async (record, change) => {
    await save(record, change);
    if (record.sequence !== 1) return;
    control.abort();
    await pass(5);
  };
  const pipeline = line(slow, () => {}, { leaseMs: 30_000 });
  const result = await pipeline.invoke({ by: "" }, { ...HERE, signal: control.signal });
  assertEquals(expectStatus(result, "cancelled").completedNodes, ["one"]);
});

Deno.test("a worker whose save never answers hears that another one has the run", async () => {
  const store = new MemoryCheckpointer();
  const checkpointer = hanging(store, "save", 2);
  const stuck = line(checkpointer).invoke({ by: "" }, HERE);
  await checkpointer.hangs;
  expectStatus(await line(store).resume("r", { takeOver: true }), "completed");
  await assertRejects(() => stuck, CheckpointConflictError);
});

Deno.test("a conflict is told as one also where the run cannot be loaded then", async () => {
  for (const how of ["before", "hang"] as const) {
    const store = new MemoryCheckpointer();
    const checkpointer = new FaultyCheckpointer(store, { at: "load", nth: 1, how });
    const { signal } = impatient(checkpointer);
    const fenced = line(checkpointer, async () => {
      expectStatus(await line(store).resume("r", { takeOver: true }), "completed");
    });
    const call = () => fenced.invoke({ by: "" }, { ...HERE, signal });
    await assertRejects(call, CheckpointConflictError);
    assert(checkpointer.isMet);
  }
});

Deno.test("a worker is heard of again after the store did not answer once", async () => {
  const checkpointer = hanging(new MemoryCheckpointer(), "touch", 1);
  const untilHeard = async () => {
    for (let time = 0; time < 3; time++) await checkpointer.heard;
  };
  const result = await line(checkpointer, untilHeard).invoke({ by: "" }, HERE);
  expectStatus(result, "completed");
});

/** How often a store was told in 40 beats that a worker is alive, and how many of these were waiting. */
async function touchesOf(touch: () => Promise<void>) {
  const store = new MemoryCheckpointer();
  const leaseMs = 30;
  let [touches, waiting, mostWaiting] = [0, 0, 0];
  const checkpointer: Checkpointer = Object.assign(new FaultyCheckpointer(store), {
    async touch() {
      mostWaiting = Math.max(mostWaiting, ++waiting);
      touches++;
      await touch();
      waiting--;
      return true;
    },
  });
  const work = () => pass(40 * leaseMs / 3);
  expectStatus(await line(checkpointer, work, { leaseMs }).invoke({ by: "" }, HERE), "completed");
  return { touches, mostWaiting };
}

function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

Deno.test("a store that does not answer is told ever more seldom that a worker is alive", async () => {
  const { touches } = await touchesOf(() => new Promise<never>(() => {}));
  assert(touches >= 3 && touches <= 1 + Math.log2(40), `${touches} times`);
});

Deno.test("what a store is told that is too slow for it does not pile up", async () => {
  let queue = Promise.resolve();
  const { mostWaiting } = await touchesOf(() => queue = queue.then(() => pass(15)));
  await queue;
  assert(mostWaiting >= 2 && mostWaiting <= 1 + Math.log2(40), `${mostWaiting} wait`);
});

Deno.test("an older history that cannot be removed holds up no run that is to stop", async () => {
  const store = new MemoryCheckpointer();
  const { checkpointer, hangs } = silent(store, "trim");
  const control = new AbortController();
  void hangs.then(() => control.abort());
  const result = await line(checkpointer, () => {}, { history: "latest" })
    .invoke({ by: "" }, { ...HERE, signal: control.signal });
  expectStatus(result, "completed");
});

Deno.test("a recovery whose runs are never listed ends once its signal aborts", async () => {
  const { checkpointer, hangs } = silent(new MemoryCheckpointer(), "listRuns");
  const control = new AbortController();
  void hangs.then(() => control.abort());
  await assertRejects(
    () => line(checkpointer).recover({ signal: control.signal }),
    Error,
    "did not answer",
  );
});

Deno.test("a run inside of another one that cannot be cancelled with it is told", async () => {
  const store = new MemoryCheckpointer();
  const silent = hanging(store, "claim", 1);
  // It cannot store its own end, and is not cancelled from outside either.
  const failing = new FaultyCheckpointer(silent, { at: "save", nth: 2, how: "before" });
  const started = Promise.withResolvers<void>();
  const inner = line(failing, async (_, { signal }) => {
    started.resolve();
    await untilAborted(signal);
  });
  const outer = definePipeline({
    name: "outer",
    state: unchecked<Work>(),
    nodes: {
      inside: subPipeline(inner, { input: (state: Work) => state, output: ({ by }) => ({ by }) }),
    },
    start: "inside",
    edges: { inside: END },
  }, { checkpointer: store });
  const control = new AbortController();
  const running = outer.invoke({ by: "" }, { ...HERE, signal: control.signal });
  await started.promise;
  control.abort(new Error("enough"));
  const error = await assertRejects(() => running, CheckpointSaveError, 'of pipeline "line"');
  assertInstanceOf(error.cause, Error);
  assertEquals(error.cause.message.includes("did not answer"), true);
  assertEquals((await store.loadLatest("outer", "r"))?.status, "cancelled");
});
