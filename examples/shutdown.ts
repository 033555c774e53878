// Cancels one run, lets go of another for a shutdown, and recovers it elsewhere.
// Run: deno task example shutdown
import { definePipeline, END, MemoryCheckpointer, unchecked } from "@firefly/pipeline";

const checkpointer = new MemoryCheckpointer();

/** What a worker process would define. */
function defineJobs(worker: string, onStep: (count: number) => void = () => {}) {
  return definePipeline({
    name: "jobs",
    state: unchecked<{ count: number; by: string }>(),
    nodes: {
      count: async (state, { signal }) => {
        onStep(state.count);
        await new Promise<void>((resolve, reject) => {
          const timer = setTimeout(resolve, 20);
          signal.addEventListener("abort", () => {
            clearTimeout(timer);
            reject(signal.reason);
          }, { once: true });
        });
        return { count: state.count + 1, by: worker };
      },
    },
    start: "count",
    edges: { count: (state) => state.count < 5 ? "count" : END },
  }, { checkpointer, leaseMs: 300 });
}

const started = Promise.withResolvers<void>();
const worker = defineJobs("worker 1", (count) => count === 2 && started.resolve());
const running = worker.invoke({ count: 0 }, { runId: "kept" });
const unwanted = worker.invoke({ count: 0 }, { runId: "unwanted" });
await started.promise;

// From any process that sees the store. The worker hears of it at its next heartbeat or save.
await defineJobs("an operator").cancel("unwanted", { by: "ana" });
console.log(`unwanted: ${(await unwanted).status}`);

// What a worker does on SIGTERM: the step in flight finishes and is stored, no other begins.
await worker.drain();
const { status, state } = await running;
console.log(`kept: ${status} after ${state.count} steps`);

for (const { runId, result } of await defineJobs("worker 2").recover()) {
  console.log(
    `${runId}: ${result?.status} after ${result?.state.count} steps by ${result?.state.by}`,
  );
}
