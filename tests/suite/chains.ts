/**
 * Runs at random: what each save of a run changes against the one before.
 *
 * @module
 */

import fc from "fast-check";
import type { CheckpointRecord, Json, JsonObject, TaskRecord } from "../../mod.ts";
import { manyItems, nextTime, STATUSES, withField } from "./samples.ts";

/** One part of a change. */
export type Move =
  | { readonly kind: "set"; readonly field: string; readonly value: Json }
  | { readonly kind: "append"; readonly field: string; readonly items: readonly Json[] }
  | { readonly kind: "remove"; readonly field: string }
  | { readonly kind: "begin"; readonly tasks: number }
  | { readonly kind: "finish"; readonly task: number; readonly update: JsonObject }
  | { readonly kind: "retry"; readonly task: number; readonly attempt: number };

/** One save of a run. */
export interface Link {
  /** What it changes. */
  readonly moves: readonly Move[];
  /** Which status it has, by index. */
  readonly status: number;
  /** How many sequences it leaves out. */
  readonly gap: number;
  /** Whether it takes the place of the writer's latest save. */
  readonly repeats: boolean;
  /** Whether a new writer goes on with the run. */
  readonly claims: boolean;
  /** Whether it is saved without its change. */
  readonly whole: boolean;
  /** The instance that saves it. */
  readonly instance: number;
  /** The instance that reads it. */
  readonly reader: number;
}

const fields = fc.constantFrom("a", "b", "list", "__proto__", "constructor", "an odd 'name'");

// Through text, as -0 has no stored form that is a number.
const values = fc.jsonValue({ maxDepth: 2 }).map((value): Json =>
  JSON.parse(JSON.stringify(value))
);

const moves: fc.Arbitrary<Move> = fc.oneof(
  fc.record({ kind: fc.constant("set" as const), field: fields, value: values }),
  fc.record({
    kind: fc.constant("append" as const),
    field: fields,
    items: fc.array(values, { maxLength: 3 }),
  }),
  fc.record({ kind: fc.constant("remove" as const), field: fields }),
  fc.record({ kind: fc.constant("begin" as const), tasks: fc.nat(4) }),
  fc.record({
    kind: fc.constant("finish" as const),
    task: fc.nat(3),
    update: fc.dictionary(fields, values, { maxKeys: 2 }),
  }),
  fc.record({ kind: fc.constant("retry" as const), task: fc.nat(3), attempt: fc.nat(9) }),
);

const links: fc.Arbitrary<Link> = fc.record({
  moves: fc.array(moves, { maxLength: 4 }),
  status: fc.nat(STATUSES.length - 1),
  gap: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat(2_000)),
  repeats: fc.nat(3).map((chance) => chance === 0),
  claims: fc.nat(3).map((chance) => chance === 0),
  whole: fc.nat(3).map((chance) => chance === 0),
  instance: fc.nat(1),
  reader: fc.nat(1),
});

/** A run: the state that it starts with, small or large, and its saves. */
export const chains: fc.Arbitrary<{
  readonly state: JsonObject;
  readonly links: readonly Link[];
}> = fc.record({
  state: fc.constantFrom<JsonObject>({}, { a: 1, list: [1] }, {
    pad: manyItems("pad"),
    list: ["a"],
  }),
  links: fc.array(links, { minLength: 1, maxLength: 8 }),
});

/** The record that a link makes out of the one before; what it leaves alone stays the very same. */
export function follow(
  previous: CheckpointRecord,
  link: Link,
  repeated: CheckpointRecord | undefined,
): CheckpointRecord {
  const { state, tasks } = link.moves.reduce(moved, previous);
  const sequence = previous.sequence + 1 + link.gap;
  const savedAt = nextTime();
  const status = STATUSES[link.status] ?? "running";
  return {
    ...previous,
    state,
    tasks,
    sequence: repeated?.sequence ?? sequence,
    nodeId: `node ${link.status}`,
    completedNodes: [...previous.completedNodes, ...link.moves.map(({ kind }) => kind)],
    status,
    paused: status === "paused",
    writer: repeated?.writer ?? (link.claims ? `writer ${savedAt}` : previous.writer),
    savedAt,
  };
}

type Parts = Pick<CheckpointRecord, "state" | "tasks">;

function moved({ state, tasks }: Parts, move: Move): Parts {
  switch (move.kind) {
    case "set":
      return { tasks, state: withField(state, move.field, move.value) };
    case "append": {
      const list = new Map(Object.entries(state)).get(move.field);
      const items = Array.isArray(list) ? [...list, ...move.items] : move.items;
      return { tasks, state: withField(state, move.field, items) };
    }
    case "remove": {
      const kept = Object.entries(state).filter(([field]) => field !== move.field);
      return { tasks, state: Object.fromEntries(kept) };
    }
    case "begin":
      return { state, tasks: pendingTasks(move.tasks, tasks) };
    case "finish":
      return {
        state,
        tasks: tasks.map((task, index) => index === move.task ? finished(task, move.update) : task),
      };
    case "retry":
      return {
        state,
        tasks: tasks.map((task, index) => index === move.task ? retried(task, move.attempt) : task),
      };
  }
}

function finished(task: TaskRecord, update: JsonObject): TaskRecord {
  return { ...toldOf(task), status: "finished", update };
}

function retried(task: TaskRecord, attempt: number): TaskRecord {
  return { ...toldOf(task), status: "pending", attempt, retryAt: nextTime() };
}

/** What a step tells of its task, whatever comes of that. */
function toldOf({ node, visit, payload, begunAs, answer, failures }: TaskRecord) {
  return {
    node,
    visit,
    ...(payload !== undefined && { payload }),
    ...(begunAs !== undefined && { begunAs }),
    ...(answer !== undefined && { answer }),
    ...(failures !== undefined && { failures }),
  };
}

/** New visits, since a visit of a node is one task of one step. */
function pendingTasks(count: number, before: readonly TaskRecord[]): readonly TaskRecord[] {
  const visits = Math.max(0, ...before.map(({ visit }) => visit));
  return Array.from({ length: count }, (_, index) => ({
    node: "work",
    visit: visits + index + 1,
    payload: { index },
    begunAs: "job",
    answer: [index],
    failures: [{ node: "work", visit: 1, error: { name: "E", message: "no" } }],
    status: "pending",
  }));
}
