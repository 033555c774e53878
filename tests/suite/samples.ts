/**
 * Records for the tests, and values that stores get wrong.
 *
 * @module
 */

import type { CheckpointRecord, Json, JsonObject, RunStatus } from "../../mod.ts";
import { RECORD_VERSION } from "../../pipeline/checkpoint_record.ts";

/** All that a run can be doing. */
export const STATUSES: readonly RunStatus[] = [
  "running",
  "paused",
  "failed",
  "completed",
  "cancelled",
];

/** Near the present, since a store may let old runs expire. */
let clock = Date.now();

/** A time later than all before it. */
export function nextTime(): string {
  return new Date(++clock).toISOString();
}

/** A record, saved later than all before it. */
export function makeRecord(more: Partial<CheckpointRecord> = {}): CheckpointRecord {
  return {
    version: RECORD_VERSION,
    pipelineName: "pipeline",
    runId: "run",
    sequence: 0,
    nodeId: "node",
    state: {},
    completedNodes: [],
    status: "running",
    paused: more.status === "paused",
    tasks: [],
    pendingEdges: [],
    steps: 0,
    failures: [],
    writer: "writer",
    savedAt: nextTime(),
    ...more,
  };
}

/** A record that follows another one of the same writer. */
export function following(
  record: CheckpointRecord,
  more: Partial<CheckpointRecord> = {},
): CheckpointRecord {
  return { ...record, sequence: record.sequence + 1, savedAt: nextTime(), ...more };
}

/** A record that waits for an approval. */
export function pausedRecord(more: Partial<CheckpointRecord> = {}): CheckpointRecord {
  return makeRecord({
    status: "paused",
    pauseReason: "publish?",
    pendingEdges: [
      { node: "draft", visit: 2 },
      { node: "approval", visit: 1, pause: { id: "approval#1", reason: "publish?" } },
    ],
    ...more,
  });
}

/** Records that together use every field and every form of it. */
export const EVERY_FIELD: readonly CheckpointRecord[] = [
  makeRecord({
    nodeId: "__start__",
    tasks: [
      { node: "work", visit: 1, payload: { item: 1, list: [null] }, status: "pending" },
      { node: "work", visit: 2, payload: {}, status: "finished", update: { done: ["b"] } },
      { node: "check", visit: 1, status: "finished", update: {} },
      { node: "ask", visit: 1, payload: { item: 2 }, status: "paused", reason: "may I?" },
      { node: "plain", visit: 7, status: "pending" },
    ],
  }),
  pausedRecord({
    sequence: 1,
    completedNodes: ["work", "work", "ask"],
    steps: 3,
    state: { list: [1, "two", [3], { four: 4 }], empty: {}, none: [], nothing: null, text: "" },
  }),
  makeRecord({
    sequence: 2,
    nodeId: "__resume__",
    pendingEdges: [{ node: "ask", visit: 1 }],
    resume: {
      at: nextTime(),
      approved: ["ask#1", "ask#2"],
      by: "ana",
      update: { approved: true, note: { $date: null } },
    },
  }),
  makeRecord({
    sequence: 3,
    status: "failed",
    failures: [
      { node: "work", visit: 1, error: { name: "TypeError", message: "no", stack: "at work:1" } },
      { node: "work", visit: 2, error: { name: "string", message: "" } },
    ],
  }),
  makeRecord({
    sequence: 4,
    nodeId: "__cancel__",
    status: "cancelled",
    resume: { at: nextTime(), approved: [] },
  }),
  makeRecord({ sequence: 5, status: "completed", steps: 1_000_000, pauseReason: "" }),
  // All records of a chain of changes are of one version.
  reenteredRecord({ sequence: 6, pipelineVersion: undefined }),
  makeRecord({
    sequence: 7,
    tasks: [
      { node: "work", visit: 3, status: "pending", attempt: 2, retryAt: nextTime() },
      { node: "work", visit: 4, payload: {}, status: "finished", update: {}, attempt: 3 },
      { node: "ask", visit: 2, status: "paused", reason: "may I?", attempt: 2 },
      { node: "work", visit: 5, status: "failed", attempt: 5, error: { name: "E", message: "no" } },
      {
        node: "mend",
        visit: 1,
        status: "pending",
        failures: [{ node: "work", visit: 1, error: { name: "E", message: "no", stack: "at 1" } }],
      },
    ],
    pendingEdges: [{ node: "work", visit: 2, error: { name: "string", message: "no" } }],
    attempts: [{ node: "work", visit: 2, attempts: 3 }],
  }),
];

/** A record of a later version, of a step whose tasks wait, went on or ended after an answer. */
export function reenteredRecord(more: Partial<CheckpointRecord> = {}): CheckpointRecord {
  const failures = [{ node: "work", visit: 1, error: { name: "E", message: "no" } }];
  const pause = { id: "ask#1", reason: "may I?", expiresAt: nextTime(), payload: { item: 1 } };
  const at = nextTime();
  const said = { at, by: "ana", answer: ["yes"] };
  return makeRecord({
    pipelineVersion: 3,
    status: "paused",
    tasks: [
      { node: "ask", visit: 1, begunAs: "question", status: "paused", reason: "may I?", entry: 2 },
      { node: "ask", visit: 2, status: "pending", reentry: { entry: 2, pause, ...said } },
      {
        node: "ask",
        visit: 3,
        status: "pending",
        reentry: { entry: 3, pause, at, rejected: true, reason: "no" },
      },
      {
        node: "ask",
        visit: 4,
        begunAs: "question",
        status: "finished",
        update: {},
        rejected: true,
      },
      {
        node: "ask",
        visit: 5,
        begunAs: "question",
        payload: { item: 1 },
        answer: "yes",
        failures,
        status: "pending",
        reentry: { entry: 2, pause, ...said },
        attempt: 1,
        retryAt: at,
      },
    ],
    pendingEdges: [{ node: "ask", visit: 1, pause, entry: 2 }],
    ...more,
  });
}

/** A record that holds a text wherever a record holds text outside of the codec's forms. */
export function recordOfText(text: string): CheckpointRecord {
  return makeRecord({
    nodeId: text,
    completedNodes: [text, `${text}2`],
    pauseReason: text,
    tasks: [
      { node: text, visit: 1, status: "pending" },
      { node: text, visit: 2, status: "paused", reason: text },
      { node: text, visit: 3, status: "failed", error: { name: text, message: text } },
    ],
    attempts: [{ node: text, visit: 1, attempts: 2 }],
    pendingEdges: [{ node: text, visit: 1, pause: { id: text, reason: text } }],
    failures: [{ node: text, visit: 1, error: { name: text, message: text, stack: text } }],
    resume: { at: nextTime(), approved: [text], by: text },
  });
}

/** Values of every kind that the codec stores, by field. */
export const EVERY_VALUE: Readonly<Record<string, unknown>> = Object.fromEntries<unknown>([
  ["json", { list: [1, "two", null, true], nested: { empty: {}, none: [] } }],
  ["numbers", [0, -1, 0.1, 5e-324, 1.7976931348623157e308, 1e21, Number.MAX_SAFE_INTEGER]],
  ["oddNumbers", [NaN, Infinity, -Infinity, -0]],
  ["missing", [undefined, 1, undefined]],
  ["bigint", -12345678901234567890n],
  ["dates", [new Date(0), new Date(NaN), new Date("2026-01-31T12:00:00.123Z")]],
  ["bytes", new Uint8Array([0, 1, 127, 128, 255])],
  ["url", new URL("https://example.org/a%2Fb?c=d#e")],
  ["map", new Map<unknown, unknown>([["a", 1], [{ b: 2 }, new Set([1n])], [undefined, "\0"]])],
  ["set", new Set<unknown>(["a", new Map([["b", new Date(1)]]), -0])],
  ["texts", [
    "",
    "\0",
    "a\0b",
    "\ud800",
    "\udc00\ud800",
    "\u{1f600}",
    "e\u0301",
    "\u2028",
    "\\u0000",
  ]],
  ["keys", Object.fromEntries([["__proto__", { a: 1 }], ["constructor", "own"], ["a\0", 2n]])],
  ["likeTags", [{ $date: "never" }, { $escaped: { $map: [] } }, { $unknown: [1n] }]],
  ["__proto__", { own: true }],
  ["constructor", "own"],
  ["", "a field without a name"],
  ["an odd name: 'it\"s', {a}, $1 \\ %", 1],
]);

/** A list of 1,000 items, so large that a store has a reason to keep changes only. */
export function manyItems(prefix: string): readonly Json[] {
  return Array.from({ length: 1_000 }, (_, index) => `${prefix} ${index}: ${"x".repeat(20)}`);
}

/** A state with one field set; all other values stay the very same. */
export function withField(state: JsonObject, field: string, value: Json): JsonObject {
  return Object.fromEntries([...Object.entries(state), [field, value]]);
}
