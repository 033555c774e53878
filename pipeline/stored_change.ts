/**
 * A change as it is stored in the place of a whole record. It has no `state`, so that no program
 * that only knows whole records takes it for one.
 *
 * @module
 */

import type { CheckpointChange, CheckpointRecord } from "./checkpoint_record.ts";
import type { FoldableChange, TaskOutcomeRecord } from "./record_fold.ts";
import type { Json, JsonObject } from "./json.ts";
import type { TaskRecord } from "./task_record.ts";
import { thawed } from "./thaw.ts";

/**
 * The stored form of a change; what is empty, or as it mostly is, is left out. Pipeline, run,
 * versions, writer and lease are those of the whole record that the chain of changes begins with.
 */
export interface StoredChange {
  readonly sequence: number;
  /**
   * The sequence that it changes; left out where that is the one below. Where there are checkpoints
   * between, it stands for what they changed too.
   */
  readonly since?: number;
  readonly node_id: string;
  /** The beginning of the writer's id: tells a change that belongs elsewhere. */
  readonly writer: string;
  /** Milliseconds since the chain's whole record; left out where `saved_at` stands. */
  readonly after_ms?: number;
  readonly saved_at?: string;
  /** Left out for `running`. */
  readonly status?: CheckpointRecord["status"];
  /** Left out where the status tells. */
  readonly paused?: boolean;
  readonly pause_reason?: string;
  /** Left out where it is one more than before, as it is after every step. */
  readonly steps?: number;
  readonly pending_edges?: CheckpointRecord["pendingEdges"];
  readonly failures?: CheckpointRecord["failures"];
  readonly attempts?: CheckpointRecord["attempts"];
  readonly resume?: CheckpointRecord["resume"];
  readonly recoveries?: number;
  readonly set?: JsonObject;
  readonly removed?: readonly string[];
  readonly appended?: { readonly [field: string]: readonly Json[] };
  /** Left out where it is the node itself and `tasks` follow it, or nothing and none do. */
  readonly completed?: readonly string[];
  readonly tasks?: readonly StoredTask[];
  readonly finished?: readonly (readonly [index: number, outcome: TaskOutcomeRecord])[];
  /** Whether whoever loads needs every change before it, in a chain of which some stand for several. */
  readonly needs_all?: true;
}

/**
 * A task as a change holds it: without a status it is pending, and where nothing else is told of it,
 * its node and visit are enough.
 */
export type StoredTask =
  | TaskRecord
  | Omit<TaskRecord & { status: "pending" }, "status">
  | readonly [node: string, visit: number];

/** What is before a change, as far as the change refers to it. */
export interface ChainContext {
  /**
   * When the whole record was saved that the chain begins with, in milliseconds since 1970; left out, a
   * change tells its own time.
   */
  readonly savedMs?: number;
  /** `steps` of the record that is changed. */
  readonly steps: number;
  /** Whether a chain that might have changes that stand for several has none any more. Default `false`. */
  readonly needsAll?: boolean;
}

/** The stored form of a change. */
export function toStoredChange(
  record: CheckpointRecord,
  change: CheckpointChange,
  before: ChainContext,
): StoredChange {
  const { sequence, status, paused } = record;
  const finished = "all" in change.tasks ? [] : change.tasks.finished;
  const tasks = "all" in change.tasks ? change.tasks.all.map(toStoredTask) : undefined;
  const usual = usuallyCompleted({ node_id: record.nodeId, tasks });
  const afterMs = before.savedMs === undefined
    ? undefined
    : millisecondsAfter(before.savedMs, record.savedAt);
  return {
    sequence,
    since: unless(change.since === sequence - 1, change.since),
    node_id: record.nodeId,
    writer: writerMark(record.writer),
    after_ms: afterMs,
    saved_at: unless(afterMs !== undefined, record.savedAt),
    status: unless(status === "running", status),
    paused: unless(paused === (status === "paused"), paused),
    pause_reason: record.pauseReason,
    steps: unless(record.steps === before.steps + 1, record.steps),
    pending_edges: unlessEmpty(record.pendingEdges),
    failures: unlessEmpty(record.failures),
    attempts: record.attempts,
    resume: record.resume,
    recoveries: record.recoveries,
    set: unless(isEmpty(change.set), thawed(change.set)),
    removed: unlessEmpty(change.removed),
    tasks,
    appended: unless(isEmpty(change.appended), change.appended),
    completed: unless(isSame(change.completedNodes, usual), change.completedNodes),
    finished: unlessEmpty(finished.map(([index, task]) => [index, outcomeOf(task)] as const)),
    needs_all: before.needsAll ? true : undefined,
  };
}

/**
 * Whether a parsed text is a change, as far as can be told without its chain: what is folded is of
 * the form that folding expects.
 */
export function isStoredChange(value: unknown): value is StoredChange {
  return isObject(value) && !("state" in value) &&
    Number.isSafeInteger(value.sequence) && typeof value.writer === "string" &&
    typeof value.node_id === "string" &&
    (value.since === undefined || Number.isSafeInteger(value.since)) &&
    (value.steps === undefined || typeof value.steps === "number") &&
    isAbsentOr(isObject, value.set) && isAbsentOr(isListOfText, value.removed) &&
    isAbsentOr(isObjectOfLists, value.appended) &&
    isAbsentOr(isListOfText, value.completed) &&
    isAbsentOr(isListOfTasks, value.tasks) && isAbsentOr(isListOfLists, value.finished) &&
    isAbsentOr(isListOfObjects, value.pending_edges);
}

/** What a change does to the record before it. */
export function effectOf(change: StoredChange): FoldableChange {
  return {
    set: change.set ?? {},
    removed: change.removed ?? [],
    appended: change.appended ?? {},
    completedNodes: change.completed ?? usuallyCompleted(change),
    tasks: change.tasks === undefined
      ? { finished: change.finished ?? [] }
      : { all: change.tasks.map(fromStoredTask) },
  };
}

/** The sequence that a change is against. */
export function sinceOf({ since, sequence }: StoredChange): number {
  return since ?? sequence - 1;
}

/** When a change was saved, ISO 8601, in a chain whose whole record was saved at `baseSavedAt`. */
export function savedAtOf({ saved_at, after_ms = 0 }: StoredChange, baseSavedAt: string): string {
  return saved_at ?? timeAfter(baseSavedAt, after_ms);
}

/** What a step finishes mostly: its one node, after which others follow; and nothing before its end. */
function usuallyCompleted(
  { node_id, tasks }: Pick<StoredChange, "node_id" | "tasks">,
): readonly string[] {
  return tasks === undefined ? [] : [node_id];
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((item, index) => item === other[index]);
}

/** Enough of a writer's id, a UUID, to tell it from the others of its run. */
export function writerMark(writer: string): string {
  return writer.slice(0, 8);
}

/** Milliseconds to a time; `undefined` where they would not lead to its very text. */
function millisecondsAfter(savedMs: number, time: string): number | undefined {
  const ms = Date.parse(time);
  const leads = !Number.isNaN(ms - savedMs) && new Date(ms).toISOString() === time;
  return leads ? ms - savedMs : undefined;
}

function timeAfter(time: string, ms: number): string {
  return new Date(Date.parse(time) + ms).toISOString();
}

function toStoredTask(task: TaskRecord): StoredTask {
  if (task.status !== "pending") return task;
  const { status: _, node, visit, ...told } = task;
  return isEmpty(told) ? [node, visit] : { node, visit, ...told };
}

function fromStoredTask(task: StoredTask): TaskRecord {
  if ("status" in task) return task;
  if (!isPair(task)) return { ...task, status: "pending" };
  const [node, visit] = task;
  return { node, visit, status: "pending" };
}

function isPair(task: StoredTask): task is readonly [node: string, visit: number] {
  return Array.isArray(task);
}

function outcomeOf(task: TaskRecord): TaskOutcomeRecord {
  const {
    node: _node,
    visit: _visit,
    begunAs: _begunAs,
    payload: _payload,
    answer: _answer,
    failures: _failures,
    ...outcome
  } = task;
  return outcome;
}

function unless<T>(condition: boolean, value: T): T | undefined {
  return condition ? undefined : value;
}

function unlessEmpty<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}

function isEmpty(object: object): boolean {
  return Object.keys(object).length === 0;
}

function isAbsentOr(isForm: (value: unknown) => boolean, value: unknown): boolean {
  return value === undefined || isForm(value);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isListOfText(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isListOfTasks(value: unknown): boolean {
  return Array.isArray(value) && value.every((task) => Array.isArray(task) || isObject(task));
}

function isListOfObjects(value: unknown): boolean {
  return Array.isArray(value) && value.every(isObject);
}

function isListOfLists(value: unknown): boolean {
  return Array.isArray(value) && value.every(Array.isArray);
}

function isObjectOfLists(value: unknown): boolean {
  return isObject(value) && isListOfLists(Object.values(value));
}
