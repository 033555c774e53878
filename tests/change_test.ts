import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  append,
  applyChange,
  type CheckpointChange,
  type CheckpointHead,
  type CheckpointRecord,
  definePipeline,
  END,
  type Json,
  type JsonObject,
  merge,
  pause,
  send,
  type TaskRecord,
  unchecked,
} from "../mod.ts";
import { changeBetween } from "../pipeline/change.ts";
import { listTasks, setTask } from "../pipeline/task_list.ts";
import { watch } from "./engine_probes.ts";

const start: CheckpointRecord = {
  version: 1,
  pipelineName: "changes",
  runId: "r",
  sequence: 0,
  nodeId: "__start__",
  state: {},
  completedNodes: [],
  status: "running",
  paused: false,
  tasks: [],
  pendingEdges: [],
  steps: 0,
  failures: [],
  writer: "w",
  savedAt: "2026-01-31T12:00:00.000Z",
};

/** One thing that a step may do to a record; what it does not name stays the very same value. */
type Move =
  | { readonly type: "set"; readonly field: string; readonly value: Json }
  | { readonly type: "grow"; readonly field: string; readonly items: readonly Json[] }
  | { readonly type: "remove"; readonly field: string }
  | { readonly type: "copy"; readonly field: string }
  | { readonly type: "complete"; readonly nodes: readonly string[] }
  | { readonly type: "plan"; readonly nodes: readonly string[] }
  | { readonly type: "finish"; readonly index: number; readonly update: JsonObject };

const field = fc.constantFrom("a", "b", "list", "__proto__", "toString", "");
const json: fc.Arbitrary<Json> = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom(null, true, 0, "", "text"),
    fc.integer(),
    fc.array(tie("json"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom("a", "__proto__", "$date"), tie("json"), { maxKeys: 2 }),
  ),
})).json;
const items = fc.array(json, { maxLength: 3 });
const nodes = fc.array(fc.constantFrom("one", "two", "three"), { maxLength: 4 });

const move: fc.Arbitrary<Move> = fc.oneof(
  fc.record({ type: fc.constant("set" as const), field, value: json }),
  fc.record({ type: fc.constant("set" as const), field, value: items }),
  fc.record({ type: fc.constant("grow" as const), field, items }),
  fc.record({ type: fc.constant("remove" as const), field }),
  fc.record({ type: fc.constant("copy" as const), field }),
  fc.record({ type: fc.constant("complete" as const), nodes }),
  fc.record({ type: fc.constant("plan" as const), nodes }),
  fc.record({
    type: fc.constant("finish" as const),
    index: fc.nat(3),
    update: fc.dictionary(field, json, { maxKeys: 2 }),
  }),
);

function withField(state: JsonObject, field: string, value: Json): JsonObject {
  return Object.fromEntries([...Object.entries(state).filter(([key]) => key !== field), [
    field,
    value,
  ]]);
}

function valueOf(state: JsonObject, field: string): Json {
  return Object.hasOwn(state, field) ? state[field] ?? null : null;
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

/** The record after one move. */
function moved(record: CheckpointRecord, step: Move): CheckpointRecord {
  const { state, tasks, completedNodes } = record;
  switch (step.type) {
    case "set":
      return { ...record, state: withField(state, step.field, step.value) };
    case "grow": {
      const list = valueOf(state, step.field);
      const grown = [...isList(list) ? list : [], ...step.items];
      return { ...record, state: withField(state, step.field, grown) };
    }
    case "remove":
      return {
        ...record,
        state: Object.fromEntries(Object.entries(state).filter(([key]) => key !== step.field)),
      };
    case "copy":
      return {
        ...record,
        state: withField(state, step.field, structuredClone(valueOf(state, step.field))),
      };
    case "complete":
      return { ...record, completedNodes: [...completedNodes, ...step.nodes] };
    case "plan":
      return { ...record, tasks: step.nodes.map((node) => pending(node, record.sequence + 1)) };
    case "finish":
      return {
        ...record,
        tasks: tasks.map((task, index) =>
          index === step.index ? { ...task, status: "finished", update: step.update } : task
        ),
      };
  }
}

function pending(node: string, visit: number): TaskRecord {
  return { node, visit, payload: { item: visit }, status: "pending" };
}

function headOf(record: CheckpointRecord): CheckpointHead {
  const { state: _state, completedNodes: _nodes, tasks: _tasks, ...head } = record;
  return head;
}

/** What the next record changes, as a store gives it back. */
function stored(previous: CheckpointRecord, next: CheckpointRecord): CheckpointChange {
  return JSON.parse(JSON.stringify(changeBetween(previous, next)));
}

function next(record: CheckpointRecord, moves: readonly Move[]): CheckpointRecord {
  const changed = moves.reduce(moved, record);
  return { ...changed, sequence: record.sequence + 1, nodeId: "one", steps: record.steps + 1 };
}

Deno.test("a chain of changes folds back to the very records, read from text", () => {
  const chain = fc.array(fc.array(move, { maxLength: 4 }), { maxLength: 8 });
  fc.assert(
    fc.property(chain, (steps) => {
      let record = start;
      let folded = start;
      for (const moves of steps) {
        const later = next(record, moves);
        const change = stored(record, later);
        assertEquals(change.since, record.sequence);
        folded = applyChange(folded, headOf(later), change);
        assertEquals(folded, later);
        record = later;
      }
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("a field that stayed the very same value is not in the change", () => {
  fc.assert(
    fc.property(fc.dictionary(field, json), fc.array(move, { maxLength: 4 }), (state, moves) => {
      const record = { ...start, state };
      const later = next(record, moves);
      const change = changeBetween(record, later);
      for (const [name, value] of Object.entries(later.state)) {
        if (!Object.hasOwn(state, name) || state[name] !== value) continue;
        assert(!Object.hasOwn(change.set, name) && !Object.hasOwn(change.appended, name));
      }
      const gone = Object.keys(state).filter((name) => !Object.hasOwn(later.state, name));
      assertEquals([...change.removed].sort(), gone.sort());
    }),
  );
});

Deno.test("of a list that only grew the change carries what was added", () => {
  fc.assert(fc.property(items.filter((list) => list.length > 0), items, (list, added) => {
    const record = { ...start, state: { list, other: 1 } };
    const later = next(record, [{ type: "grow", field: "list", items: added }]);
    const change = changeBetween(record, later);
    assertEquals(change.set, {});
    assertEquals(change.appended, { list: added });
  }));
});

Deno.test("a task that finished is in the change by its place, the others are not", () => {
  const plan: Move = { type: "plan", nodes: ["one", "one", "two"] };
  const record = next(start, [plan]);
  const later = next(record, [{ type: "finish", index: 1, update: { a: 1 } }]);
  assertEquals(changeBetween(start, record).tasks, { all: record.tasks });
  assertEquals<unknown>(changeBetween(record, later).tasks, { finished: [[1, later.tasks[1]]] });
  assertEquals(changeBetween(later, next(later, [])).tasks, { finished: [] });
  assertEquals(changeBetween(later, next(later, [plan])).tasks, {
    all: next(later, [plan]).tasks,
  });
});

Deno.test("of the task lists of one step it is known what finished in between, each task once", () => {
  const records = ["one", "one", "two", "two"].map((node, visit) => pending(node, visit));
  const list = { records, changed: [] };
  const finish = (index: number, a: number) => {
    const task = list.records[index];
    assert(task !== undefined);
    setTask(list, index, { ...task, status: "finished", update: { a } });
    return { ...start, tasks: listTasks(list) };
  };
  const none = { ...start, tasks: listTasks(list) };
  const [first, , third] = [finish(2, 1), finish(0, 1), finish(2, 2)];
  const last = finish(1, 1);
  const finished = (...indexes: readonly number[]) => ({
    finished: indexes.map((index) => [index, last.tasks[index]]),
  });
  assertEquals<unknown>(changeBetween(none, last).tasks, finished(0, 1, 2));
  assertEquals<unknown>(changeBetween(first, last).tasks, finished(0, 1, 2));
  assertEquals<unknown>(changeBetween(third, last).tasks, finished(1));
  assertEquals<unknown>(changeBetween(last, last).tasks, finished());
  assertEquals(none.tasks.map(({ status }) => status), Array(4).fill("pending"));
});

Deno.test("the changes that a run hands along fold back to the records it saves", async () => {
  const store = watch();
  const pipeline = definePipeline({
    name: "run",
    state: unchecked<
      { item: number; log: string[]; meta: { [key: string]: number }; gone?: string }
    >(),
    reducers: { log: append, meta: merge },
    nodes: {
      split: () => ({ gone: undefined }),
      worker: (state) => {
        if (state.item === 2 && !store.records.some(({ status }) => status === "failed")) {
          throw new Error("not today");
        }
        return { log: `${state.item}`, meta: { [`item ${state.item}`]: state.item } };
      },
      ask: () => pause("good?"),
    },
    start: "split",
    edges: {
      split: (_state) => [1, 2, 3].map((item) => send("worker", { item })),
      worker: "ask",
      ask: (state) => state.log.length < 6 ? "split" : END,
    },
  }, { checkpointer: store });
  await pipeline.invoke({ log: [], gone: "later" }, { runId: "r" });
  await pipeline.resume("r");
  await pipeline.resume("r", { approvePause: true, update: { log: "by hand" } });
  await pipeline.resume("r", { approvePause: true });
  assertEquals(store.records.at(-1)?.status, "completed");
  assertEquals(store.changes[0], undefined);
  const [first, ...others] = store.records;
  assert(first !== undefined);
  let folded = first;
  for (const [index, record] of others.entries()) {
    const change = store.changes[index + 1];
    assert(change !== undefined);
    folded = applyChange(folded, headOf(record), JSON.parse(JSON.stringify(change)));
    assertEquals(folded, record);
  }
});
