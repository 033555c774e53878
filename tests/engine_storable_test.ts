import { assertEquals, assertInstanceOf } from "@std/assert";
import {
  append,
  type Checkpointer,
  definePipeline,
  END,
  MemoryCheckpointer,
  pause,
  type RunResult,
  send,
  StateSerializationError,
  unchecked,
} from "../mod.ts";
import { expectStatus, watch } from "./engine_probes.ts";

interface Work {
  item: number;
  value: unknown;
  values: unknown[];
}

const opaque = () => {};

function refusalOf(result: RunResult<Work>): StateSerializationError {
  const { error } = expectStatus(result, "failed");
  assertInstanceOf(error, StateSerializationError);
  return error;
}

/** One node's update, and an edge that looks at it. */
function single(value: unknown, checkpointer?: Checkpointer, calls: string[] = []) {
  return definePipeline({
    name: "single",
    state: unchecked<Work>(),
    nodes: {
      one: () => {
        calls.push("one");
        return { value };
      },
      two: () => {
        calls.push("two");
      },
    },
    start: "one",
    edges: { one: "two", two: END },
  }, { checkpointer });
}

Deno.test("an update without a stored form fails its node; mended, the node runs again", async () => {
  const store = watch();
  const calls: string[] = [];
  const failed = await single({ list: [1, opaque] }, store, calls).invoke({}, { runId: "r" });
  assertEquals(refusalOf(failed).path, "state.value.list[1]");
  assertEquals(expectStatus(failed, "failed").failedNode, "one");
  assertEquals<unknown>(failed.state, {}, "the state is the one that is stored");
  assertEquals(failed.completedNodes, []);
  const last = store.records.at(-1);
  assertEquals([last?.status, last?.failures[0]?.error.name, last?.tasks[0]?.status], [
    "failed",
    "StateSerializationError",
    "pending",
  ]);
  const result = expectStatus(await single("plain", store, calls).resume("r"), "completed");
  assertEquals<unknown>(result.state, { value: "plain" });
  assertEquals(calls, ["one", "one", "two"]);
  assertEquals(result.completedNodes, ["one", "two"]);
});

Deno.test("without a checkpointer a state may hold anything", async () => {
  const { state } = expectStatus(await single(opaque).invoke({}), "completed");
  assertEquals(state.value, opaque);
});

/** Three workers side by side; what they answer is handed in. */
function fanOut(
  answer: (item: number) => object,
  checkpointer: Checkpointer,
  reduce: (values: unknown[], value: unknown) => unknown[] = append,
  calls: number[] = [],
) {
  return definePipeline({
    name: "fan-out",
    state: unchecked<Work>(),
    reducers: { values: reduce },
    nodes: {
      split: () => {},
      worker: (state) => {
        calls.push(state.item);
        return answer(state.item);
      },
    },
    start: "split",
    edges: { split: [0, 1, 2].map((item) => send("worker", { item })), worker: END },
  }, { checkpointer });
}

Deno.test("in a fan-out an update without a stored form fails its own task alone", async () => {
  const store = watch();
  const calls: number[] = [];
  const answer = (item: number) => ({ values: item === 1 ? opaque : item });
  const failed = await fanOut(answer, store, append, calls).invoke({}, { runId: "r" });
  refusalOf(failed);
  const { failures } = expectStatus(failed, "failed");
  assertEquals(failures.map(({ node, visit }) => [node, visit]), [["worker", 2]]);
  assertEquals(store.records.at(-1)?.tasks.map(({ status }) => status), [
    "finished",
    "pending",
    "finished",
  ]);
  const mended = fanOut((item) => ({ values: `${item}` }), store, append, calls);
  const result = expectStatus(await mended.resume("r"), "completed");
  assertEquals(result.state.values, [0, "1", 2]);
  assertEquals(calls, [0, 1, 2, 1]);
});

Deno.test("a reducer's result without a stored form fails the run; mended, no task runs again", async () => {
  const store = watch();
  const calls: number[] = [];
  const answer = (item: number) => ({ values: item });
  const opaqueSum = (values: unknown[] = [], value: unknown) => [...values, () => value];
  const failed = await fanOut(answer, store, opaqueSum, calls).invoke({}, { runId: "r" });
  assertEquals(refusalOf(failed).path, "state.values[0]");
  assertEquals<unknown>(failed.state, {});
  assertEquals(failed.completedNodes, ["split"]);
  assertEquals(store.records.at(-1)?.status, "failed");
  const result = await fanOut(answer, store, append, calls).resume("r");
  assertEquals(expectStatus(result, "completed").state.values, [0, 1, 2]);
  assertEquals(calls, [0, 1, 2]);
});

Deno.test("a payload without a stored form fails the run; mended, the edge is asked again", async () => {
  const store = watch();
  const calls: string[] = [];
  const sending = (value: unknown) =>
    definePipeline({
      name: "sending",
      state: unchecked<Work>(),
      nodes: {
        one: () => {
          calls.push("one");
          return { item: 1 };
        },
        two: (state) => ({ values: [state.value] }),
      },
      start: "one",
      edges: { one: () => [send("two", { value: 1 }), send("two", { value })], two: END },
    }, { checkpointer: store });
  const failed = await sending({ run: opaque }).invoke({}, { runId: "r" });
  assertEquals(expectStatus(failed, "failed").failedNode, "one");
  assertEquals(refusalOf(failed).path.endsWith("value.run"), true);
  assertEquals(failed.completedNodes, ["one"]);
  const result = expectStatus(await sending("plain").resume("r"), "completed");
  assertEquals(result.state.values, ["plain"]);
  assertEquals(calls, ["one"]);
});

Deno.test("where the edge stumbles over what cannot be stored, the node is not lost", async () => {
  const store = new MemoryCheckpointer();
  const stumbling = (value: unknown) =>
    definePipeline({
      name: "stumbling",
      state: unchecked<Work>(),
      nodes: { one: () => ({ value }), two: () => {} },
      start: "one",
      edges: {
        one: (state) => {
          if (typeof state.value === "function") throw new Error("no way with a function");
          return "two";
        },
        two: END,
      },
    }, { checkpointer: store });
  const failed = await stumbling(opaque).invoke({}, { runId: "r" });
  expectStatus(failed, "failed");
  const result = expectStatus(await stumbling("plain").resume("r"), "completed");
  assertEquals<unknown>(result.state, { value: "plain" });
  assertEquals(result.completedNodes, ["one", "two"]);
});

Deno.test("a pause beside what cannot be stored waits until that is mended", async () => {
  const store = new MemoryCheckpointer();
  const reducing = (reduce: (values: unknown[], value: unknown) => unknown[]) =>
    definePipeline({
      name: "reducing",
      state: unchecked<Work>(),
      reducers: { values: reduce },
      nodes: {
        split: () => {},
        ask: () => pause("good?"),
        work: (_state) => ({ values: 7 }),
        last: () => {},
      },
      start: "split",
      edges: { split: ["ask", "work"], ask: "last", work: "last", last: END },
    }, { checkpointer: store });
  const failed = await reducing((_values, value) => [() => value]).invoke({}, { runId: "r" });
  refusalOf(failed);
  const mended = reducing(append);
  const paused = expectStatus(await mended.resume("r"), "paused");
  assertEquals(paused.state.values, [7]);
  const result = expectStatus(await mended.resume("r", { approvePause: true }), "completed");
  assertEquals(result.state.values, [7]);
  assertEquals(result.completedNodes, ["split", "ask", "work", "last"]);
});

Deno.test("a field whose name has no stored form fails its task, and can be mended", async () => {
  const store = new MemoryCheckpointer();
  const failed = await fanOut((item) => item === 1 ? { "a\0b": 1 } : {}, store)
    .invoke({}, { runId: "r" });
  refusalOf(failed);
  const mended = fanOut((item) => ({ values: item }), store);
  expectStatus(await mended.resume("r"), "completed");
});

Deno.test("what is refused has the same path in a fan-out as alone", async () => {
  const alone = refusalOf(await single({ list: [opaque] }, watch()).invoke({}));
  const sided = refusalOf(await fanOut(() => ({ value: { list: [opaque] } }), watch()).invoke({}));
  assertEquals(sided.path, alone.path);
});

Deno.test("a Map or Date that a node changed in place is stored as it is now", async () => {
  const pipeline = definePipeline({
    name: "in-place",
    state: unchecked<{ counts: Map<string, number>; times: { last: Date } }>(),
    nodes: {
      count: (state) => {
        state.times.last.setTime(1_000);
        return { counts: state.counts.set("a", 1), times: state.times };
      },
      ask: () => pause("good?"),
    },
    start: "count",
    edges: { count: "ask", ask: END },
  }, { checkpointer: new MemoryCheckpointer() });
  const input = { counts: new Map(), times: { last: new Date(0) } };
  const { state } = await pipeline.invoke(input, { runId: "r" });
  assertEquals([state.counts.get("a"), state.times.last.getTime()], [1, 1_000]);
  const resumed = await pipeline.resume("r", { approvePause: true });
  assertEquals(resumed.state, state);
});
