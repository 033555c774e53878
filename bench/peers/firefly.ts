// This package, measured; main.ts starts it.
import { PostgresCheckpointer } from "../../backends/postgres.ts";
import { append, type Checkpointer, definePipeline, END, send, unchecked } from "../../mod.ts";
import { whyNoPostgresDriver } from "../../tests/servers/registry.ts";
import { nodePool } from "./node_pool.ts";
import { expect, itemOf, type Peer, type Workloads } from "./peer.ts";
import { runWorker } from "./worker.ts";

/** As many as by default. */
const CONNECTIONS = 3;

/** Opens this package on a database, through `@db/postgres` where it can be had. */
export async function open(dsn: string): Promise<Peer> {
  if (await whyNoPostgresDriver() === undefined) {
    const checkpointer = new PostgresCheckpointer({ url: dsn, poolSize: CONNECTIONS });
    return {
      setUp: setUp("@db/postgres"),
      ...workloads(checkpointer),
      [Symbol.asyncDispose]: () => checkpointer[Symbol.asyncDispose](),
    };
  }
  const pool = nodePool(dsn, CONNECTIONS);
  return {
    setUp: setUp("a Pool of node-postgres"),
    ...workloads(new PostgresCheckpointer({ client: pool })),
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

function setUp(driver: string): string {
  return `PostgresCheckpointer on ${CONNECTIONS} connections of ${driver}; durability "sync", the ` +
    "default";
}

function workloads(checkpointer: Checkpointer): Workloads {
  return {
    withoutStore: counting(undefined),
    appending: appending(checkpointer),
    carrying: carrying(checkpointer),
    fanOut: fanOut(checkpointer),
    short: counting(checkpointer),
    stopped: stopped(checkpointer),
  };
}

function counting(checkpointer: Checkpointer | undefined): Workloads["short"] {
  const pipeline = definePipeline({
    name: "counting",
    state: unchecked<{ steps: number; count: number }>(),
    nodes: { add: ({ count }) => ({ count: count + 1 }) },
    start: "add",
    edges: { add: ({ count, steps }) => count < steps ? "add" : END },
  }, { checkpointer, recursionLimit: Infinity });
  return async (steps) => {
    expect("steps", (await pipeline.invoke({ steps, count: 0 })).state.count, steps);
  };
}

function appending(checkpointer: Checkpointer): Workloads["appending"] {
  const pipeline = definePipeline({
    name: "appending",
    state: unchecked<{ steps: number; items: string[] }>(),
    reducers: { items: append },
    nodes: { add: ({ items }) => ({ items: itemOf(items.length) }) },
    start: "add",
    edges: { add: ({ items, steps }) => items.length < steps ? "add" : END },
  }, { checkpointer, recursionLimit: Infinity });
  return async (steps) => {
    expect("items", (await pipeline.invoke({ steps, items: [] })).state.items.length, steps);
  };
}

function carrying(checkpointer: Checkpointer): Workloads["carrying"] {
  const pipeline = definePipeline({
    name: "carrying",
    state: unchecked<{ text: string; steps: number; count: number }>(),
    nodes: { add: ({ count }) => ({ count: count + 1 }) },
    start: "add",
    edges: { add: ({ count, steps }) => count < steps ? "add" : END },
  }, { checkpointer, recursionLimit: Infinity });
  return async (text, steps) => {
    expect("steps", (await pipeline.invoke({ text, steps, count: 0 })).state.count, steps);
  };
}

function fanOut(checkpointer: Checkpointer): Workloads["fanOut"] {
  const pipeline = definePipeline({
    name: "fan-out",
    state: unchecked<{ workers: number; item: number; results: number[] }>(),
    reducers: { results: append },
    nodes: { split: () => {}, work: ({ item }) => ({ results: item * 2 }), join: () => {} },
    start: "split",
    edges: {
      split: {
        route: ({ workers }) =>
          Array.from({ length: workers }, (_, item) => send("work", { item })),
        to: ["work"],
      },
      work: "join",
      join: END,
    },
  }, { checkpointer });
  return async (workers) => {
    const { state } = await pipeline.invoke({ workers, item: 0, results: [] });
    expect("results", state.results.length, workers);
  };
}

function stopped(checkpointer: Checkpointer): Workloads["stopped"] {
  let begun = 0;
  const pipeline = definePipeline({
    name: "stopped",
    state: unchecked<{ steps: number; items: string[] }>(),
    reducers: { items: append },
    nodes: {
      add: ({ items }) => ({ items: itemOf(items.length) }),
      stop() {
        begun = performance.now();
        throw new Error("Stops here");
      },
    },
    start: "add",
    edges: { add: ({ items, steps }) => items.length < steps ? "add" : "stop", stop: END },
  }, { checkpointer, recursionLimit: Infinity });
  return async (steps) => {
    const { runId, status } = await pipeline.invoke({ steps, items: [] });
    expect("a stopped run", status, "failed");
    return async () => {
      const called = performance.now();
      const { state } = await pipeline.resume(runId);
      expect("items", state.items.length, steps);
      return begun - called;
    };
  };
}

if (import.meta.main) await runWorker(open);
