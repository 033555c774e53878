import { assert, assertEquals, assertRejects } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { FileCheckpointer } from "../backends/file.ts";
import {
  type Checkpointer,
  definePipeline,
  END,
  MemoryCheckpointer,
  pause,
  resultOf,
  RunNotFoundError,
  unchecked,
} from "../mod.ts";
import { configArgs } from "../tools/deno_args.ts";
import { expectStatus } from "./engine_probes.ts";
import { withQuickTimers } from "./quick_timers.ts";

interface Count {
  readonly count: number;
}

function counting(
  checkpointer: Checkpointer | undefined,
  work: (count: number, signal: AbortSignal) => void | Promise<void>,
  leaseMs = 60,
) {
  return definePipeline({
    name: "counting",
    state: unchecked<Count>(),
    nodes: {
      add: async ({ count }, { signal }) => {
        await work(count, signal);
        return { count: count + 1 };
      },
    },
    start: "add",
    edges: { add: ({ count }) => count < 5 ? "add" : END },
  }, { checkpointer, leaseMs });
}

Deno.test("a run is cancelled from another process, and its worker's call says so", async () => {
  const store = new MemoryCheckpointer();
  const started = Promise.withResolvers<void>();
  const running = counting(store, (_, signal) => {
    started.resolve();
    return new Promise((_, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason))
    );
  }).invoke({ count: 0 }, { runId: "r" });
  await started.promise;
  const elsewhere = counting(store, () => {});
  assertEquals(await elsewhere.cancel("r", { by: "ana" }), "cancelled");
  expectStatus(await running, "cancelled");
  const [latest] = await Array.fromAsync(elsewhere.history("r"));
  assertEquals([latest?.status, latest?.nodeId, latest?.resume?.by], [
    "cancelled",
    "__cancel__",
    "ana",
  ]);
  assertEquals(await elsewhere.recover(), []);
  assertEquals(expectStatus(await elsewhere.resume("r"), "completed").state.count, 5);
});

Deno.test("a worker whose node does not listen hears of a cancellation at its next save", async () => {
  const store = new MemoryCheckpointer();
  const [started, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let ran = 0;
  const running = counting(store, async () => {
    ran++;
    started.resolve();
    await released.promise;
  }, 30_000).invoke({ count: 0 }, { runId: "r" });
  await started.promise;
  await counting(store, () => {}).cancel("r");
  released.resolve();
  expectStatus(await running, "cancelled");
  assertEquals(ran, 1);
});

Deno.test("what stands still can be cancelled, and a paused run then still wants its approval", async () => {
  const store = new MemoryCheckpointer();
  const pipeline = definePipeline({
    name: "asking",
    state: unchecked<Count>(),
    nodes: { ask: () => pause("sure?") },
    start: "ask",
    edges: { ask: END },
  }, { checkpointer: store });
  await pipeline.invoke({}, { runId: "r" });
  assertEquals(await pipeline.cancel("r"), "cancelled");
  assertEquals(await pipeline.cancel("r"), "cancelled");
  await assertRejects(() => pipeline.resume("r"), Error, "approvePause");
  expectStatus(await pipeline.resume("r", { approvePause: true }), "completed");
  assertEquals(await pipeline.cancel("r"), "completed");
  await assertRejects(() => pipeline.cancel("nobody"), RunNotFoundError, "cancel");
});

Deno.test("a drain lets the step in flight finish, and others go on at once", async () => {
  const store = new MemoryCheckpointer();
  const [started, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const worker = counting(store, async (count) => {
    if (count !== 2) return;
    started.resolve();
    await released.promise;
  }, 30_000);
  const running = worker.invoke({ count: 0 }, { runId: "r" });
  await started.promise;
  const drained = worker.drain();
  await assertRejects(() => worker.invoke({ count: 0 }), TypeError, "drain");
  await assertRejects(() => worker.resume("r"), TypeError, "drain");
  released.resolve();
  await drained;
  assertEquals(expectStatus(await running, "drained").state.count, 3);
  assertEquals((await store.loadLatest("counting", "r"))?.status, "running");
  const [recovery] = await counting(store, () => {}, 30_000).recover();
  assertEquals(recovery?.result?.state.count, 5);
});

Deno.test("a drain does not wait for the next attempt of a node that failed", async () => {
  const store = new MemoryCheckpointer();
  const attempts: number[] = [];
  const worker = () =>
    definePipeline({
      name: "trying",
      state: unchecked<{ count: number }>(),
      nodes: {
        work: {
          run: (_, { attempt }) => {
            attempts.push(attempt);
            if (attempt === 1) throw new Error("not yet");
            return { count: attempt };
          },
          retry: { attempts: 2, delayMs: 3_600_000 },
        },
      },
      start: "work",
      edges: { work: END },
    }, { checkpointer: store });
  const [first, second] = [worker(), worker()];
  const drained = Promise.withResolvers<void>();
  const events = first.stream({ input: { count: 0 }, runId: "r" });
  for await (const event of events) {
    if (event.type === "taskRetried") drained.resolve(first.drain());
    if (event.type === "runEnded") expectStatus(event.result, "drained");
  }
  await drained.promise;
  await withQuickTimers(async () => {
    const [recovery] = await second.recover();
    assertEquals(recovery?.result?.state.count, 2);
  });
  assertEquals(attempts, [1, 2], "no attempt was counted anew");
});

Deno.test("a drain does not wait for the reader of a stream", async () => {
  for (const checkpointer of [new MemoryCheckpointer(), undefined]) {
    const worker = counting(checkpointer, () => {});
    const stream = worker.stream({ input: { count: 0 }, highWaterMark: 1 });
    const reader = stream.getReader();
    await reader.read();
    await worker.drain();
    reader.releaseLock();
    expectStatus(await resultOf(stream), checkpointer === undefined ? "completed" : "drained");
  }
});

Deno.test("a run that is kept nowhere is drained at its end", async () => {
  const started = Promise.withResolvers<void>();
  const worker = counting(undefined, async () => {
    started.resolve();
    await Promise.resolve();
  });
  const running = worker.invoke({ count: 0 });
  await started.promise;
  await worker.drain();
  expectStatus(await running, "completed");
});

Deno.test("a worker that gets SIGTERM stores its step, and another one goes on without waiting", async () => {
  const folder = await Deno.makeTempDir();
  const script = fromFileUrl(new URL("./fixtures/draining_worker.ts", import.meta.url));
  const worker = new Deno.Command(Deno.execPath(), {
    args: ["run", ...configArgs(), "--no-check", "-A", script, folder],
    stdout: "piped",
  }).spawn();
  const reader = worker.stdout.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (let said = ""; !said.includes("step 1");) said += (await reader.read()).value ?? "";
    worker.kill("SIGTERM");
    assertEquals((await worker.status).code, 0);
  } finally {
    await reader.cancel();
  }
  const store = new FileCheckpointer(folder);
  const latest = await store.loadLatest("counting", "r");
  assertEquals([latest?.status, latest?.leaseMs], ["running", 0]);
  const done = Number(latest?.state.count);
  assert(done >= 1 && done < 5, `${done} steps`);
  const seen: number[] = [];
  const [recovery] = await counting(store, (count) => void seen.push(count)).recover();
  assertEquals(recovery?.result?.state.count, 5);
  assertEquals(seen[0], done, "a finished step ran again");
  await Deno.remove(folder, { recursive: true });
});
