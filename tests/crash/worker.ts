// A process that takes one journey as far as it goes: it says that it is ready, is told which one,
// and goes on with it wherever the process before it was killed.
import { CheckpointConflictError, RunExistsError } from "../../mod.ts";
import { defineJourney, DEPARTURE } from "../journey.ts";
import { type Address, openStore } from "../places/open.ts";
import { hearOrder } from "../processes/child.ts";
import type { Order } from "./order.ts";

const address: Address = JSON.parse(Deno.args[0] ?? "");
await using store = await openStore(address);
const { checkpointer } = store;
// So that connections are open before the clock runs.
await checkpointer.loadLatest("warm", "up");

const { pipelineName, runId, effects, durability, leaseMs, way } = await hearOrder<Order>();
using file = await Deno.open(effects, { append: true, create: true });
const journey = defineJourney({
  name: pipelineName,
  paceMs: 3,
  mark: ({ taskId }) => void file.writeSync(new TextEncoder().encode(`${taskId}\n`)),
  checkpointer,
  durability,
  leaseMs,
});

while (!await isAtEnd()) {
  try {
    await goOn();
  } catch (error) {
    // What a killed process saved last may arrive when it is gone already.
    const isLate = error instanceof CheckpointConflictError || error instanceof RunExistsError;
    if (!isLate) throw error;
  }
}
console.log("done");
Deno.exit();

async function isAtEnd(): Promise<boolean> {
  const latest = await checkpointer.loadLatest(pipelineName, runId);
  if (latest?.status === "failed") throw new Error(JSON.stringify(latest.failures));
  return latest?.status === "completed";
}

async function goOn(): Promise<void> {
  const latest = await checkpointer.loadLatest(pipelineName, runId);
  if (latest === undefined) {
    await journey.invoke(DEPARTURE, { runId });
  } else if (latest.status === "paused") {
    await journey.resume(runId, { approvePause: true, update: { permit: true } });
  } else if (way === "take over") {
    await journey.resume(runId, { takeOver: true });
  } else {
    const recovered = await journey.recover();
    for (const { error } of recovered) if (error !== undefined) throw error;
    // Until its lease is over, the killed process is taken for alive.
    if (recovered.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
