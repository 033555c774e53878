// Retries with backoff, a time limit, and a node that takes what still failed.
// Run: deno task example retries
import { append, definePipeline, END, MemoryCheckpointer, unchecked } from "@firefly/pipeline";

interface Order {
  readonly receipt: string;
  readonly label: string;
  readonly log: readonly string[];
}

class DeclinedError extends Error {}

const orders = definePipeline({
  name: "orders",
  state: unchecked<Order>(),
  reducers: { log: append },
  nodes: {
    charge: {
      run: (_order, { attempt, taskId }) => {
        if (attempt < 3) throw new Error("503 Service Unavailable");
        return { receipt: `receipt ${taskId}`, log: `charged at attempt ${attempt}` };
      },
      // After 20, 40, 80 ms and so on, each up to a quarter shorter; a refusal is final.
      retry: {
        attempts: 5,
        delayMs: 20,
        jitter: 0.25,
        retryOn: (error) => !(error instanceof DeclinedError),
      },
      onError: "apologise",
    },
    ship: {
      // A carrier that never answers. A client that takes a signal, as fetch does, is given it.
      run: (_order, { signal }) =>
        new Promise<never>((_, reject) =>
          signal.addEventListener("abort", () => reject(signal.reason))
        ),
      timeoutMs: 50,
      retry: { attempts: 2 },
      onError: "refund",
    },
    refund: ({ receipt }, { failure }) => ({
      log: `refunded ${receipt}: ${failure?.node} failed with ${failure?.error.name}`,
    }),
    apologise: (_order, { failure }) => ({ log: `not charged: ${failure?.error.message}` }),
  },
  start: "charge",
  edges: { charge: "ship", ship: END, refund: END, apologise: END },
}, {
  checkpointer: new MemoryCheckpointer(),
  onEvent(event) {
    if (event.type !== "taskRetried") return;
    const { node, attempt, delayMs } = event;
    console.log(`  ${node} failed at attempt ${attempt}, again in ${Math.round(delayMs)} ms`);
  },
});

const { status, state, completedNodes } = await orders.invoke({}, { runId: "order-17" });
console.log(`${status}: ${completedNodes.join(" > ")}`);
for (const line of state.log) console.log(`  ${line}`);

// A wait is stored with its attempt: a process that comes back waits for what is left of it.
const history = (await Array.fromAsync(orders.history("order-17"))).reverse();
for (const { sequence, nodeId, tasks: [task], attempts: [took] } of history) {
  const notes = [
    took === undefined ? "" : `took ${took.attempts} attempts`,
    task?.attempt === undefined ? "" : `attempt ${task.attempt} failed, another one follows`,
  ];
  console.log(`  ${sequence} ${nodeId.padEnd(9)} ${notes.join("")}`.trimEnd());
}
console.log(orders.toMermaid());
