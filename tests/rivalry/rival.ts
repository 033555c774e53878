// A process that does things at random to the runs that it shares with others, and reports what came
// of them.
import type { RunResult } from "../../mod.ts";
import { defineJourney, DEPARTURE, type Journey } from "../journey.ts";
import { noting } from "../noting_checkpointer.ts";
import { type Address, openStore } from "../places/open.ts";
import { hearOrder } from "../processes/child.ts";
import { makeRandom } from "../random.ts";
import { type Operation, type Order, type Report, RIVALRY, type Saved } from "./order.ts";

/** Operations that are under way at a time. */
const LANES = 4;

/** How often each operation is drawn. */
const DRAWN: readonly [Operation, ...Operation[]] = [
  "delete",
  "cancel",
  ...Array<Operation>(6).fill("invoke"),
  ...Array<Operation>(4).fill("resume"),
  ...Array<Operation>(3).fill("take over"),
  ...Array<Operation>(2).fill("recover"),
  ...Array<Operation>(4).fill("approve"),
];

/** What each may throw, as the README tells. */
const DOCUMENTED: Readonly<Record<Operation, readonly string[]>> = {
  invoke: ["RunExistsError", "CheckpointConflictError"],
  resume: ["RunNotFoundError", "RunActiveError", "RunPausedError", "CheckpointConflictError"],
  "take over": ["RunNotFoundError", "RunPausedError", "CheckpointConflictError"],
  recover: [],
  approve: ["RunNotFoundError", "RunActiveError", "StalePauseError", "CheckpointConflictError"],
  cancel: ["RunNotFoundError"],
  delete: [],
};

const address: Address = JSON.parse(Deno.args[0] ?? "");
await using store = await openStore(address);
await store.checkpointer.loadLatest("warm", "up");
const { seed, runIds, operations, forMs, savesFile } = await hearOrder<Order>();

const saves: Saved[] = [];
const outcomes: Record<string, number> = {};
const surprises: string[] = [];
const random = makeRandom(seed);
const journey = defineJourney({
  name: RIVALRY,
  paceMs: 1,
  mark: () => {},
  checkpointer: noting(store.checkpointer, ({ runId, sequence, writer }) => {
    saves.push({ runId, sequence, writer });
  }),
  leaseMs: 50,
});

const started = performance.now();
let begun = 0;
const work = async () => {
  while (begun < operations && performance.now() - started < forMs) {
    begun++;
    const [operation, runId] = [random.pick(DRAWN), random.pick(runIds)];
    const outcome = `${operation}: ${await attempt(operation, runId)}`;
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
};
await Promise.all(Array.from({ length: LANES }, work));
await Deno.writeTextFile(savesFile, JSON.stringify(saves));
const report: Report = { outcomes, surprises };
console.log(JSON.stringify(report));

/** Tries an operation; comes back with what came of it. */
async function attempt(operation: Operation, runId: string): Promise<string> {
  try {
    return await operate(operation, runId);
  } catch (error) {
    const name = error instanceof Error ? error.name : typeof error;
    if (!DOCUMENTED[operation].includes(name)) surprise(operation, runId, error);
    return name;
  }
}

async function operate(operation: Operation, runId: string): Promise<string> {
  switch (operation) {
    case "invoke":
      return statusOf(await journey.invoke(DEPARTURE, { runId }));
    case "resume":
      return statusOf(await journey.resume(runId));
    case "take over":
      return statusOf(await journey.resume(runId, { takeOver: true }));
    case "approve":
      return statusOf(
        await journey.resume(runId, { approvePause: true, update: { permit: true } }),
      );
    case "recover": {
      const recovered = await journey.recover({ limit: 2 });
      for (const { error, result } of recovered) {
        if (error !== undefined) throw error;
        if (result !== undefined) statusOf(result);
      }
      return `${recovered.length} runs`;
    }
    case "cancel":
      return await journey.cancel(runId);
    case "delete":
      await journey.deleteRun(runId);
      return "done";
  }
}

function statusOf(result: RunResult<Journey>): string {
  if (result.status === "failed") throw result.error;
  return result.status;
}

function surprise(operation: Operation, runId: string, error: unknown): void {
  const causes: string[] = [];
  for (let cause = error; cause !== undefined;) {
    causes.push(cause instanceof Error ? cause.stack ?? cause.message : String(cause));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  surprises.push(`${operation} of ${runId}: ${causes.join("\ncaused by ")}`);
}
