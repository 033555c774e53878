import { assert, assertEquals } from "@std/assert";
import type { Work } from "../examples/worker.ts";
import type { Checkpointer } from "../mod.ts";
import { problemsOf } from "./history_checks.ts";
import { type Address, BACKENDS, openStore } from "./places/open.ts";
import { placesOf } from "./places/place.ts";
import { type Child, startChild } from "./processes/child.ts";

const WORKER = new URL("./fixtures/order_worker.ts", import.meta.url);

const LEASE_MS = 1_500;

/** Killed in the middle of their orders, which they are slow enough for. */
const KILLED: readonly Work[] = [
  { orders: 4, leaseMs: LEASE_MS, stepMs: 500 },
  { orders: 4, leaseMs: LEASE_MS, stepMs: 500 },
];

/** One with orders of its own, and one that only helps. */
const OTHERS: readonly Work[] = [
  { orders: 4, leaseMs: LEASE_MS, stepMs: 50 },
  { orders: 0, leaseMs: LEASE_MS, stepMs: 50 },
];

const STEPS = ["reserve", "charge", "pack", "ship"];

/** A worker, and what it printed so far. */
interface Worker extends AsyncDisposable {
  readonly child: Child;
  readonly printed: readonly string[];
  /** Resolves when it has printed so many lines that match. */
  until(pattern: RegExp, count: number): Promise<void>;
}

for (const backend of BACKENDS) {
  const makePlace = await placesOf(backend);

  Deno.test(`${backend}: orders whose workers are killed are completed by others, each once`, async () => {
    await using place = await makePlace();
    await using store = await openStore(place.address);
    await using workers = new AsyncDisposableStack();
    const start = (work: Work) => workers.use(startWorker(place.address, work));
    const [killed, others] = [KILLED.map(start), OTHERS.map(start)];
    for (const [index, worker] of killed.entries()) {
      await worker.until(/ reserve /, KILLED[index]?.orders ?? 0);
      await worker.child.kill();
    }
    await untilCompleted(store.checkpointer, ordersOf([...KILLED, ...OTHERS]));
    for (const { child } of others) child.stop();
    for (const { child, printed } of others) {
      assertEquals(await child.ended, { success: true, complaint: "" }, printed.join("\n"));
    }
    await assertFulfilled(store.checkpointer);
  });
}

function ordersOf(works: readonly Work[]): number {
  return works.reduce((sum, { orders }) => sum + orders, 0);
}

function startWorker(address: Address, work: Work): Worker {
  const child = startChild(WORKER, [JSON.stringify(address), JSON.stringify(work)]);
  const printed: string[] = [];
  const heard = new Set<() => void>();
  const hearing = (async () => {
    for (let line; (line = await child.hear()) !== undefined;) {
      printed.push(line);
      for (const check of heard) check();
    }
  })();
  return {
    child,
    printed,
    async until(pattern, count) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const check = () => {
        if (printed.filter((line) => pattern.test(line)).length >= count) resolve();
      };
      heard.add(check);
      check();
      await Promise.race([promise, hearing]);
    },
    async [Symbol.asyncDispose]() {
      await child.kill();
      await hearing;
    },
  };
}

async function untilCompleted(store: Checkpointer, count: number): Promise<void> {
  for (let left = 1_200; left > 0; left--) {
    const runs = await Array.fromAsync(store.listRuns("fulfilment", { status: "completed" }));
    if (runs.length === count) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const runs = await Array.fromAsync(store.listRuns("fulfilment"));
  assertEquals(runs.map(({ status }) => status), Array(count).fill("completed"));
}

/** Every order took every step once, those of the killed workers by more than one of them. */
async function assertFulfilled(store: Checkpointer): Promise<void> {
  let moved = 0;
  for await (const { runId } of store.listRuns("fulfilment")) {
    const history = await Array.fromAsync(store.history("fulfilment", runId));
    assertEquals(problemsOf(history.toReversed(), { storesEveryStep: true }), []);
    const done = history[0]?.state.done;
    assert(Array.isArray(done));
    const steps = done.map((step) => String(step).split(" by "));
    assertEquals(steps.map(([step]) => step), STEPS);
    if (new Set(steps.map(([, worker]) => worker)).size > 1) moved++;
  }
  assert(moved >= ordersOf(KILLED), `only ${moved} orders were gone on with elsewhere`);
}
