import { assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { definePipeline, END, type NodeContext, pause, send, unchecked } from "../mod.ts";
import { expectStatus, watch } from "./engine_probes.ts";

interface Work {
  count: number;
}

/** What a task id has to tell apart. */
interface Place {
  pipeline: string;
  runId: string;
  node: string;
  visit: number;
}

Deno.test("a run keeps its id, whatever it is made of", async () => {
  const pipeline = definePipeline({
    name: "kept",
    state: unchecked<{ seen: string }>(),
    nodes: { look: (_state, { runId }) => ({ seen: runId }) },
    start: "look",
    edges: { look: END },
  });
  const texts = fc.string({
    unit: fc.nat(0xffff).map((code) => String.fromCharCode(code)),
    minLength: 1,
  });
  await fc.assert(fc.asyncProperty(texts, async (id) => {
    const { runId, state } = await pipeline.invoke({ seen: "" }, { runId: id });
    assertEquals([runId, state.seen], [id, id]);
  }));
});

Deno.test("a node is told where it stands", async () => {
  const told: NodeContext[] = [];
  const pipeline = definePipeline({
    name: "told",
    state: unchecked<Work>(),
    nodes: {
      one: (state, context) => {
        told.push(context);
        return { count: state.count + 1 };
      },
      two: (_state, context) => {
        told.push(context);
      },
    },
    start: "one",
    edges: { one: "two", two: (state) => state.count < 2 ? "one" : END },
  });
  await pipeline.invoke({ count: 0 }, { runId: "r" });
  assertEquals(told.map(({ signal: _signal, emit: _emit, ...context }) => context), [
    { pipelineName: "told", runId: "r", node: "one", visit: 1, attempt: 1, taskId: "told/r/one/1" },
    { pipelineName: "told", runId: "r", node: "two", visit: 1, attempt: 1, taskId: "told/r/two/1" },
    { pipelineName: "told", runId: "r", node: "one", visit: 2, attempt: 1, taskId: "told/r/one/2" },
    { pipelineName: "told", runId: "r", node: "two", visit: 2, attempt: 1, taskId: "told/r/two/2" },
  ]);
  for (const { signal } of told) {
    assertEquals([signal instanceof AbortSignal, signal.aborted], [true, false]);
  }
});

Deno.test("a run without an id gets one of its own", async () => {
  const pipeline = definePipeline({
    name: "named",
    state: unchecked<Work>(),
    nodes: { one: () => {} },
    start: "one",
    edges: { one: END },
  });
  const runs = [await pipeline.invoke({}), await pipeline.invoke({})];
  for (const { runId } of runs) assertMatch(runId, /^[0-9a-f-]{36}$/);
  assertEquals(new Set(runs.map(({ runId }) => runId)).size, 2);
});

Deno.test("a task keeps its id and visit across resumes, and no two tasks share one", async () => {
  const told: string[] = [];
  let isMended = false;
  const pipeline = definePipeline({
    name: "told",
    state: unchecked<Work>(),
    nodes: {
      split: () => pause("go?"),
      worker: (state, { taskId, visit }) => {
        told.push(taskId);
        assertEquals(taskId, `told/r/worker/${visit}`);
        if (state.count === 1 && !isMended) throw new Error("not today");
      },
    },
    start: "split",
    edges: {
      split: (_state) => [0, 1, 2].map((count) => send("worker", { count })),
      worker: (_state) => isMended && told.length < 6 ? ["worker", send("worker", {})] : END,
    },
  }, { checkpointer: watch() });
  await pipeline.invoke({}, { runId: "r" });
  expectStatus(await pipeline.resume("r", { approvePause: true }), "failed");
  isMended = true;
  expectStatus(await pipeline.resume("r"), "completed");
  const ids = [1, 2, 3, 2, 4, 5].map((visit) => `told/r/worker/${visit}`);
  assertEquals(told, ids);
});

Deno.test("task ids of different pipelines, runs, nodes and visits differ, whatever the names", async () => {
  const part = fc.string({
    unit: fc.constantFrom("/", "%", "2", "F", "5", "1", "a"),
    minLength: 1,
  });
  const place = fc.record({
    pipeline: part,
    runId: part,
    node: part,
    visit: fc.constantFrom(1, 2),
  });
  const taskIdOf = async ({ pipeline, runId, node, visit }: Place) => {
    let told = "";
    await definePipeline({
      name: pipeline,
      state: unchecked<Work>(),
      nodes: {
        [node]: (_state: Work, context: NodeContext) => {
          told = context.taskId;
        },
      },
      start: node,
      edges: { [node]: () => told.endsWith(`/${visit}`) ? END : node },
    }).invoke({}, { runId });
    return told;
  };
  await fc.assert(fc.asyncProperty(place, place, async (one, other) => {
    const isSame = JSON.stringify(one) === JSON.stringify(other);
    assertEquals(await taskIdOf(one) === await taskIdOf(other), isSame);
  }));
});

Deno.test("plain names stay readable in a task id, others are escaped", async () => {
  const ids: string[] = [];
  for (const node of ["größe", "a b", "a/b", "a%2Fb", "__proto__"]) {
    const nodes = Object.fromEntries([[node, (_state: Work, { taskId }: NodeContext) => {
      ids.push(taskId);
    }]]);
    await definePipeline({
      name: "p/q",
      state: unchecked<Work>(),
      nodes,
      start: node,
      edges: Object.fromEntries([[node, END]]),
    }).invoke({}, { runId: "50%" });
  }
  assertEquals(ids, [
    "p%2Fq/50%25/größe/1",
    "p%2Fq/50%25/a b/1",
    "p%2Fq/50%25/a%2Fb/1",
    "p%2Fq/50%25/a%252Fb/1",
    "p%2Fq/50%25/__proto__/1",
  ]);
});
