// Any number of workers over one Postgres or Redis, started and killed at will: no server, no queue.
// Run: deno task example worker
// Needs PG_DSN=postgresql://user:password@host/database, or REDIS_URL=redis://host:6379/0. Start it in
// several terminals, with `--orders 0` for one that only helps; end one by Ctrl-C or by kill -9, and
// see the others go on with its orders.
import {
  append,
  type Checkpointer,
  definePipeline,
  END,
  type NodeContext,
  type RunEvent,
  unchecked,
} from "@firefly/pipeline";
import { PostgresCheckpointer } from "@firefly/pipeline/postgres";
import { RedisCheckpointer } from "@firefly/pipeline/redis";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";

interface Order {
  /** Every step that was taken, and by which process. */
  readonly done: readonly string[];
}

export interface Work {
  /** Orders that the worker takes by itself. */
  readonly orders: number;
  /** Who is not heard of for so long is dead. */
  readonly leaseMs?: number;
  /** How long a step takes. */
  readonly stepMs?: number;
}

/** Takes orders, and goes on with those of dead workers, until the process is told to end. */
export async function work(checkpointer: Checkpointer, work: Work): Promise<void> {
  const { orders, leaseMs = 3_000 } = work;
  const fulfilment = defineFulfilment(checkpointer, { ...work, leaseMs });
  const ending = new AbortController();
  const end = () => {
    ending.abort();
    // The steps in flight finish and are stored; any other worker goes on at once.
    void fulfilment.drain();
  };
  Deno.addSignalListener("SIGINT", end);
  Deno.addSignalListener("SIGTERM", end);

  console.log(`worker ${Deno.pid}, new orders: ${orders}; Ctrl-C or kill -9 ${Deno.pid} ends it`);
  const own = Array.from({ length: orders }, () => fulfilment.invoke({}).catch(printError));
  while (!ending.signal.aborted) {
    const recovered = await fulfilment.recover({ concurrency: 64 }).catch(printError);
    for (const { error } of recovered ?? []) if (error !== undefined) printError(error);
    await delay(leaseMs / 3, undefined, { signal: ending.signal }).catch(() => {});
  }
  await Promise.all(own);
  console.log(`worker ${Deno.pid} has ended`);
  Deno.removeSignalListener("SIGINT", end);
  Deno.removeSignalListener("SIGTERM", end);
}

/** The pipeline, the same in every process. */
function defineFulfilment(checkpointer: Checkpointer, { leaseMs, stepMs = 1_000 }: Work) {
  const step = async (_state: Partial<Order>, { node, taskId }: NodeContext) => {
    await askTheWarehouse(taskId, stepMs);
    return { done: `${node} by ${Deno.pid}` };
  };
  return definePipeline({
    name: "fulfilment",
    state: unchecked<Order>(),
    reducers: { done: append },
    nodes: { reserve: step, charge: step, pack: step, ship: step },
    start: "reserve",
    edges: { reserve: "charge", charge: "pack", pack: "ship", ship: END },
  }, { checkpointer, leaseMs, onEvent: print });
}

/** What has an effect elsewhere may be asked twice, with the same key: a worker can die meanwhile. */
async function askTheWarehouse(_idempotencyKey: string, takesMs: number): Promise<void> {
  await delay(takesMs);
}

/** What each checkpoint means to a person, where it is not a step's. */
const SAVED: Readonly<Record<string, string>> = {
  __start__: "taken",
  __resume__: "goes on here",
  __drain__: "let go",
};

/** Prints what is stored, when it is. */
function print(event: RunEvent<Order>): void {
  const order = `  order ${event.runId.slice(0, 8)}`;
  if (event.type === "checkpointSaved") {
    const css = event.nodeId === "__resume__" ? "font-weight: bold" : "";
    const text = SAVED[event.nodeId] ?? event.nodeId;
    console.log(`%c${order}  ${text.padEnd(12)}  checkpoint ${event.sequence}`, css);
  } else if (event.type === "runEnded" && event.result.status === "completed") {
    const { done } = event.result.state;
    console.log(`%c${order}  completed     ${done.join(", ")}`, "color: green");
  }
}

/** A store that is away, or a worker that was quicker: the next look finds what is to be done. */
function printError(error: unknown): undefined {
  console.warn(`  ${error instanceof Error ? error.message : error}`);
}

/** Where the environment says that runs are kept; nowhere is not an error. */
function openStore(): (Checkpointer & AsyncDisposable) | undefined {
  const [postgresUrl, redisUrl] = [Deno.env.get("PG_DSN"), Deno.env.get("REDIS_URL")];
  if (postgresUrl) return new PostgresCheckpointer({ url: postgresUrl });
  return redisUrl ? new RedisCheckpointer({ url: redisUrl }) : undefined;
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { orders: { type: "string", default: "3" } } });
  await using store = openStore();
  if (store !== undefined) await work(store, { orders: Number(values.orders) });
  else console.log("Run it with PG_DSN or REDIS_URL set, in several terminals at once");
}
