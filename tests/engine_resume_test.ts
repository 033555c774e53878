import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import {
  append,
  CheckpointConflictError,
  type Checkpointer,
  definePipeline,
  END,
  MemoryCheckpointer,
  RunExistsError,
  RunNotFoundError,
  send,
  StateSerializationError,
  unchecked,
  UnknownNodeError,
} from "../mod.ts";
import { expectStatus, watch } from "./engine_probes.ts";

interface Work {
  count: number;
  log: string[];
}

/** The second node throws until it is mended. */
function flaky(checkpointer?: Checkpointer, mended = true) {
  return definePipeline({
    name: "flaky",
    state: unchecked<Work>(),
    reducers: { log: append },
    nodes: {
      one: (_state, { node, visit }) => ({ log: `${node} ${visit}` }),
      two: (state, { node, visit }) => {
        if (!mended) throw new Error("not today");
        return { log: `${node} ${visit}`, count: state.count + 1 };
      },
    },
    start: "one",
    edges: { one: "two", two: (state) => state.count < 2 ? "one" : END },
  }, { checkpointer });
}

Deno.test("resume goes on where the run failed, with the counts of before", async () => {
  const store = watch();
  const failed = await flaky(store, false).invoke({ count: 0 }, { runId: "r" });
  assertEquals(failed.completedNodes, ["one"]);
  const result = expectStatus(await flaky(store).resume("r"), "completed");
  assertEquals(result.state, { count: 2, log: ["one 1", "two 1", "one 2", "two 2"] });
  assertEquals(result.completedNodes, ["one", "two", "one", "two"]);
  assertEquals(store.records.map(({ nodeId, status, steps }) => `${nodeId} ${status} ${steps}`), [
    "__start__ running 0",
    "one running 1",
    "two failed 1",
    "__resume__ running 1",
    "two running 2",
    "one running 3",
    "two completed 4",
  ]);
  const writers = store.records.map(({ writer }) => writer);
  assertEquals(new Set(writers).size, 2);
  assertEquals(new Set(writers.slice(3)).size, 1, "the claim is the new writer's first save");
});

Deno.test("resume folds its update through the reducers and tells who brought it", async () => {
  const store = watch();
  const pipeline = flaky(store);
  await flaky(store, false).invoke({ count: 0 }, { runId: "r" });
  const update = { count: 1, log: "mended" };
  const result = await pipeline.resume("r", { update, by: "ana" });
  assertEquals(result.state, { count: 2, log: ["one 1", "mended", "two 1"] });
  const [claim] = store.records.flatMap(({ resume }) => resume ?? []);
  assertEquals(claim, { at: claim?.at ?? "", approved: [], by: "ana", update });
  const entries = await Array.fromAsync(pipeline.history("r"));
  assertEquals(entries.map(({ resume }) => resume?.by), [
    undefined,
    "ana",
    undefined,
    undefined,
    undefined,
  ]);
  update.log = "changed later";
  assertEquals(result.state.log[1], "mended");
});

Deno.test("an update of resume without a stored form is thrown, and nothing is saved", async () => {
  const store = watch();
  const pipeline = definePipeline({
    name: "opaque",
    state: unchecked<{ value: unknown }>(),
    nodes: {
      one: () => {
        throw new Error("not today");
      },
    },
    start: "one",
    edges: { one: END },
  }, { checkpointer: store });
  await pipeline.invoke({}, { runId: "r" });
  const saved = store.records.length;
  await assertRejects(
    () => pipeline.resume("r", { update: { value: () => {} } }),
    StateSerializationError,
    "value",
  );
  assertEquals(store.records.length, saved);
});

Deno.test("resume of an unknown run names it, the pipeline, and what to do", async () => {
  const error = await assertRejects(
    () => flaky(new MemoryCheckpointer()).resume("r-1"),
    RunNotFoundError,
  );
  assertEquals([error.name, error.pipelineName, error.runId], ["RunNotFoundError", "flaky", "r-1"]);
  for (const word of ['"r-1"', '"flaky"', "check"]) assertStringIncludes(error.message, word);
});

Deno.test("resume of a completed run is its result: no node runs, nothing is saved", async () => {
  const store = watch();
  const first = await flaky(store).invoke({ count: 0 }, { runId: "r" });
  const saved = store.records.length;
  const broken = flaky(store, false);
  assertEquals(await broken.resume("r"), first);
  assertEquals(await broken.resume("r", { by: "ana" }), first);
  await assertRejects(() => broken.resume("r", { update: { count: 9 } }), TypeError, '"r"');
  assertEquals(store.records.length, saved);
});

Deno.test("a run id that is taken is refused, and the run it names is left alone", async () => {
  const store = watch();
  const first = await flaky(store).invoke({ count: 0 }, { runId: "r" });
  const saved = store.records.length;
  const error = await assertRejects(
    () => flaky(store, false).invoke({ count: 5 }, { runId: "r" }),
    RunExistsError,
  );
  assertEquals([error.name, error.pipelineName, error.runId], ["RunExistsError", "flaky", "r"]);
  assertEquals(error.cause instanceof CheckpointConflictError, true);
  for (const word of ['"r"', '"flaky"', "resume"]) assertStringIncludes(error.message, word);
  assertEquals(store.records.length, saved);
  assertEquals(await flaky(store).resume("r"), first);
});

Deno.test("the same run id in another pipeline is another run", async () => {
  const store = new MemoryCheckpointer();
  const other = definePipeline({
    name: "other",
    state: unchecked<Work>(),
    nodes: { one: () => ({ count: 7 }) },
    start: "one",
    edges: { one: END },
  }, { checkpointer: store });
  await flaky(store).invoke({ count: 0 }, { runId: "r" });
  assertEquals((await other.invoke({}, { runId: "r" })).state.count, 7);
  assertEquals((await flaky(store).resume("r")).state.count, 2);
});

Deno.test("a stored task of a node that is gone is refused, and the run is left alone", async () => {
  const store = watch();
  await flaky(store, false).invoke({ count: 0 }, { runId: "r" });
  const saved = store.records.length;
  const renamed = definePipeline({
    name: "flaky",
    state: unchecked<Work>(),
    nodes: { one: () => {}, second: () => {} },
    start: "one",
    edges: { one: "second", second: END },
  }, { checkpointer: store });
  const error = await assertRejects(() => renamed.resume("r"), UnknownNodeError);
  assertEquals([error.name, error.node, error.runId], ["UnknownNodeError", "two", "r"]);
  for (const word of ['"two"', '"r"', '"flaky"', '"one", "second"']) {
    assertStringIncludes(error.message, word);
  }
  assertEquals(store.records.length, saved);
  assertEquals((await flaky(store).resume("r")).status, "completed");
});

Deno.test("a pending edge of a node that is gone is refused too", async () => {
  const store = new MemoryCheckpointer();
  const broken = definePipeline({
    name: "flaky",
    state: unchecked<Work>(),
    nodes: { start: () => {}, worker: () => {} },
    start: "start",
    edges: {
      start: () => [send("worker", {}), send("worker", {})],
      worker: () => {
        throw new Error("no way");
      },
    },
  }, { checkpointer: store });
  await broken.invoke({}, { runId: "r" });
  const error = await assertRejects(() => flaky(store).resume("r"), UnknownNodeError);
  assertEquals(error.node, "worker");
});

Deno.test("history, listRuns and deleteRun speak of this pipeline's runs", async () => {
  const store = new MemoryCheckpointer();
  const pipeline = flaky(store);
  await pipeline.invoke({ count: 1 }, { runId: "done" });
  await flaky(store, false).invoke({ count: 1 }, { runId: "broken" });
  const runs = await Array.fromAsync(pipeline.listRuns());
  assertEquals(runs.map(({ runId, status }) => [runId, status]), [
    ["broken", "failed"],
    ["done", "completed"],
  ]);
  const failed = await Array.fromAsync(pipeline.listRuns({ status: "failed", limit: 5 }));
  assertEquals(failed.map(({ runId }) => runId), ["broken"]);

  const [last, , first] = await Array.fromAsync(pipeline.history("broken"));
  assertEquals<unknown>([first?.nodeId, first?.state], ["__start__", { count: 1 }]);
  assertEquals([last?.status, last?.failures[0]?.error.message], ["failed", "not today"]);
  assertEquals(last?.tasks, [{ node: "two", visit: 1, status: "pending" }]);
  assertThrows(() => Object.assign(last?.state ?? {}, { count: 9 }), TypeError);

  await pipeline.deleteRun("broken");
  await pipeline.deleteRun("broken");
  assertEquals(await Array.fromAsync(pipeline.history("broken")), []);
  await assertRejects(() => pipeline.resume("broken"), RunNotFoundError);
  assertEquals((await Array.fromAsync(pipeline.listRuns())).length, 1);
});

Deno.test("without a checkpointer there is nothing to go on with, read or delete", async () => {
  const pipeline = flaky();
  const calls = [
    () => pipeline.resume("r"),
    () => Array.fromAsync(pipeline.history("r")),
    async () => await Array.fromAsync(pipeline.listRuns()),
    () => pipeline.deleteRun("r"),
    () => Array.fromAsync(pipeline.stream({ resume: "r" })),
  ];
  for (const call of calls) {
    const error = await assertRejects(call, TypeError);
    for (const word of ['"flaky"', "checkpointer"]) assertStringIncludes(error.message, word);
  }
  assertEquals((await pipeline.invoke({ count: 0 })).status, "completed");
});
