/**
 * LangGraph.js with its PostgresSaver, set up as its documentation says: a graph of annotated
 * channels, a saver from a connection string, `durability: "sync"`, and `invoke(null)` to go on
 * after a failure. https://docs.langchain.com/oss/javascript/langgraph/durable-execution
 *
 * @module
 */

import {
  Annotation,
  type BaseChannel,
  type BaseCheckpointSaver,
  END,
  type OverwriteValue,
  Send,
  START,
  StateGraph,
} from "@langchain/langgraph";
import { PostgresSaver } from "@langchain/langgraph-checkpoint-postgres";
import { expect, itemOf, type Peer, type Workloads } from "../peer.ts";

/** Makes the channel of a list. */
export type ListChannel = <Item>() => BaseChannel<Item[], Item[] | OverwriteValue<Item[]>>;

/** Opens LangGraph on a database, with lists in channels of the given kind. */
export async function openLangGraph(
  dsn: string,
  list: ListChannel,
  listsAre: string,
): Promise<Peer> {
  const saver = PostgresSaver.fromConnString(dsn);
  await saver.setup();
  return {
    setUp: `PostgresSaver from a connection string; durability "sync"; ${listsAre}`,
    withoutStore: counting(undefined),
    appending: appending(saver, list),
    carrying: carrying(saver),
    fanOut: fanOut(saver, list),
    short: counting(saver),
    stopped: stopped(saver, list),
    [Symbol.asyncDispose]: () => saver.end(),
  };
}

/** A new thread, and as many steps as it takes. */
function newThread() {
  return {
    configurable: { thread_id: crypto.randomUUID() },
    durability: "sync" as const,
    recursionLimit: 1_000_000,
  };
}

function counting(checkpointer: BaseCheckpointSaver | undefined): Workloads["short"] {
  const State = Annotation.Root({ steps: Annotation<number>, count: Annotation<number> });
  const graph = new StateGraph(State)
    .addNode("add", ({ count }) => ({ count: count + 1 }))
    .addEdge(START, "add")
    .addConditionalEdges("add", ({ count, steps }) => count < steps ? "add" : END, ["add", END])
    .compile({ checkpointer });
  return async (steps) => {
    expect("steps", (await graph.invoke({ steps, count: 0 }, newThread())).count, steps);
  };
}

function appending(checkpointer: BaseCheckpointSaver, list: ListChannel): Workloads["appending"] {
  const State = Annotation.Root({ steps: Annotation<number>, items: list<string>() });
  const graph = new StateGraph(State)
    .addNode("add", ({ items }) => ({ items: [itemOf(items.length)] }))
    .addEdge(START, "add")
    .addConditionalEdges(
      "add",
      ({ items, steps }) => items.length < steps ? "add" : END,
      ["add", END],
    )
    .compile({ checkpointer });
  return async (steps) => {
    expect("items", (await graph.invoke({ steps }, newThread())).items.length, steps);
  };
}

function carrying(checkpointer: BaseCheckpointSaver): Workloads["carrying"] {
  const State = Annotation.Root({
    text: Annotation<string>,
    steps: Annotation<number>,
    count: Annotation<number>,
  });
  const graph = new StateGraph(State)
    .addNode("add", ({ count }) => ({ count: count + 1 }))
    .addEdge(START, "add")
    .addConditionalEdges("add", ({ count, steps }) => count < steps ? "add" : END, ["add", END])
    .compile({ checkpointer });
  return async (text, steps) => {
    expect("steps", (await graph.invoke({ text, steps, count: 0 }, newThread())).count, steps);
  };
}

function fanOut(checkpointer: BaseCheckpointSaver, list: ListChannel): Workloads["fanOut"] {
  const State = Annotation.Root({
    workers: Annotation<number>,
    item: Annotation<number>,
    results: list<number>(),
  });
  const graph = new StateGraph(State)
    .addNode("split", () => ({}))
    .addNode("work", ({ item }: { item: number }) => ({ results: [item * 2] }))
    .addNode("join", () => ({}))
    .addEdge(START, "split")
    .addConditionalEdges(
      "split",
      ({ workers }) => Array.from({ length: workers }, (_, item) => new Send("work", { item })),
      ["work"],
    )
    .addEdge("work", "join")
    .addEdge("join", END)
    .compile({ checkpointer });
  return async (workers) => {
    const { results } = await graph.invoke({ workers }, newThread());
    expect("results", results.length, workers);
  };
}

function stopped(checkpointer: BaseCheckpointSaver, list: ListChannel): Workloads["stopped"] {
  const State = Annotation.Root({ steps: Annotation<number>, items: list<string>() });
  let begun = 0;
  const graph = new StateGraph(State)
    .addNode("add", ({ items }) => ({ items: [itemOf(items.length)] }))
    .addNode("stop", ({ items, steps }) => {
      begun = performance.now();
      expect("items", items.length, steps);
      throw new StopError("Stops here");
    })
    .addEdge(START, "add")
    .addConditionalEdges(
      "add",
      ({ items, steps }) => items.length < steps ? "add" : "stop",
      ["add", "stop"],
    )
    .addEdge("stop", END)
    .compile({ checkpointer });
  return async (steps) => {
    const thread = newThread();
    await untilStop(() => graph.invoke({ steps }, thread));
    return async () => {
      const called = performance.now();
      await untilStop(() => graph.invoke(null, thread));
      return begun - called;
    };
  };
}

class StopError extends Error {}

async function untilStop(run: () => Promise<unknown>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (error instanceof StopError) return;
    throw error;
  }
  throw new Error("Cannot resume the run: it did not stop");
}
