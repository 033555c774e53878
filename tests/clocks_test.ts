import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  append,
  type Checkpointer,
  type CheckpointRecord,
  definePipeline,
  END,
  MemoryCheckpointer,
  pause,
  PauseExpiredError,
  type PipelineOptions,
  RunActiveError,
  unchecked,
} from "../mod.ts";
import { expectStatus } from "./engine_probes.ts";
import { onEveryBackend } from "./every_backend.ts";
import { problemsOf } from "./history_checks.ts";
import { HOUR_MS, withClock } from "./shifted_clock.ts";
import { makeRecord } from "./suite/samples.ts";

interface Watch {
  /** Enough that stores keep changes rather than whole records. */
  readonly luggage: string;
  readonly log: readonly string[];
}

const INPUT: Watch = { luggage: "tent, rope, tea; ".repeat(200), log: [] };

const MINUTES_MS = [-5, 5].map((minutes) => minutes * HOUR_MS / 60);

/** A pipeline of six steps. */
function watching(
  checkpointer: Checkpointer,
  step: (visit: number) => void | Promise<void> = () => {},
  options: PipelineOptions<Watch> = {},
) {
  return definePipeline({
    name: "watch",
    state: unchecked<Watch>(),
    reducers: { log: append },
    nodes: {
      look: async (_, { visit }) => {
        await step(visit);
        return { log: `look ${visit}` };
      },
    },
    start: "look",
    edges: { look: ({ log }) => log.length < 6 ? "look" : END },
  }, { checkpointer, ...options });
}

/** What a worker left whose clock is wrong by so much. */
function left(offMs: number, more: Partial<CheckpointRecord>): CheckpointRecord {
  return makeRecord({
    pipelineName: "watch",
    state: { luggage: "", log: [] },
    tasks: [{ node: "look", visit: 1, status: "pending" }],
    savedAt: new Date(Date.now() + offMs).toISOString(),
    ...more,
  });
}

onEveryBackend("a clock that jumps back and forward disturbs no run", async (store) => {
  const times: string[] = [];
  const noting: Checkpointer = {
    save(record, change) {
      times.push(record.savedAt);
      return store.save(record, change);
    },
    loadLatest: (name, runId) => store.loadLatest(name, runId),
    listRuns: (name, options) => store.listRuns(name, options),
    history: (name, runId) => store.history(name, runId),
    deleteRun: (name, runId) => store.deleteRun(name, runId),
    touch: async (name, runId, writer) => await store.touch?.(name, runId, writer) ?? true,
  };
  const result = await withClock((setBy) =>
    watching(noting, async (visit) => {
      setBy(visit % 2 === 0 ? HOUR_MS : -HOUR_MS);
      await assertRejects(() => watching(store).resume("r"), RunActiveError);
      assertEquals(await watching(store).recover(), []);
    }).invoke(INPUT, { runId: "r" })
  );
  assertEquals(expectStatus(result, "completed").state.log.length, 6);
  const records = (await Array.fromAsync(store.history("watch", "r"))).reverse();
  assertEquals(problemsOf(records, { storesEveryStep: true }), []);
  assertEquals(records.map(({ savedAt }) => savedAt), times);
  for await (const { durationMs = 0 } of watching(store).history("r")) {
    assert(durationMs >= 0, `a step took ${durationMs} ms`);
  }
});

onEveryBackend(
  "a host whose clock is off knows who is alive by the store's clock",
  async (store) => {
    const offs = [...MINUTES_MS, -HOUR_MS, HOUR_MS];
    for (const [index, off] of offs.entries()) {
      await store.save(left(off, { runId: `alive ${index}`, leaseMs: 60_000 }));
      await store.save(left(off, { runId: `dead ${index}`, leaseMs: 1 }));
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    for (const [index, off] of offs.entries()) {
      await withClock(async (setBy) => {
        setBy(-off);
        const error = await assertRejects(
          () => watching(store).resume(`alive ${index}`),
          RunActiveError,
        );
        assert(error.retryAfterMs <= 60_000, `wait for ${error.retryAfterMs} ms`);
        expectStatus(await watching(store).resume(`dead ${index}`), "completed");
      });
    }
    await store.save(left(HOUR_MS, { runId: "another dead", leaseMs: 1 }));
    await new Promise((resolve) => setTimeout(resolve, 20));
    const recovered = await watching(store).recover();
    assertEquals(recovered.map(({ runId }) => runId), ["another dead"]);
  },
);

onEveryBackend("what is old enough to be removed is told by the store's clock", async (store) => {
  for (const off of [-HOUR_MS, HOUR_MS]) {
    const runId = `saved at ${off}`;
    await store.save(left(off, { runId, tasks: [], status: "completed" }));
  }
  const count = async () => (await Array.fromAsync(store.listRuns("watch"))).length;
  await watching(store).prune({ olderThanMs: HOUR_MS / 2 });
  assertEquals(await count(), 2);
  await new Promise((resolve) => setTimeout(resolve, 20));
  await watching(store).prune({ olderThanMs: 10 });
  assertEquals(await count(), 0);
});

Deno.test("a worker that was heard of in the future is taken for dead, after a moment of grace", async () => {
  for (const [idleMs, isTaken] of [[-29_000, false], [-HOUR_MS, true]] as const) {
    const store = new MemoryCheckpointer();
    await store.save(left(0, { runId: "r", leaseMs: 30_000 }));
    const load = store.loadLatest.bind(store);
    store.loadLatest = async (name, runId) => {
      const record = await load(name, runId);
      return record && { ...record, idleMs };
    };
    if (isTaken) expectStatus(await watching(store).resume("r"), "completed");
    else await assertRejects(() => watching(store).resume("r"), RunActiveError);
  }
});

Deno.test("a pause whose time is over by the approver's clock is told, and can still be rejected", async () => {
  const store = new MemoryCheckpointer();
  const asking = definePipeline({
    name: "asking",
    state: unchecked<{ readonly done?: boolean }>(),
    nodes: {
      ask: () => pause("go on?", { expiresInMs: HOUR_MS / 2 }),
      end: () => ({ done: true }),
    },
    start: "ask",
    edges: { ask: "end", end: END },
  }, { checkpointer: store });
  for (const runId of ["early", "late"]) await asking.invoke({}, { runId });
  await withClock(async (setBy) => {
    setBy(HOUR_MS);
    await assertRejects(() => asking.resume("late", { approvePause: true }), PauseExpiredError);
    expectStatus(await asking.reject("late"), "cancelled");
    setBy(-HOUR_MS);
    expectStatus(await asking.resume("early", { approvePause: true }), "completed");
  });
});
