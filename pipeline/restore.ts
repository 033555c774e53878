/**
 * From a stored record back to a run, and what may be done with it.
 *
 * @module
 */

import type { CheckpointRecord, PendingEdge, TaskRecord } from "./checkpointer.ts";
import { decode, propertyPath } from "./codec.ts";
import { RunPausedError, StalePauseError, UnknownNodeError } from "./errors.ts";
import { deepFreeze } from "./freeze.ts";
import type { JsonObject } from "./json.ts";
import type { Plan } from "./plan.ts";
import { pausesOf, type Step } from "./run.ts";
import type { Outcome, Task } from "./task.ts";

/** Which pauses a call approves. */
export interface Approval {
  /** Whether the call approves a pause at all. */
  readonly approvePause?: boolean;
  /** Which one; needed when several are pending. */
  readonly pauseId?: string;
}

/**
 * The state that a record holds, deeply frozen. What the Python framework stored is taken as it
 * is: its JSON knows no tags.
 */
export function restoreState<State extends object>(record: CheckpointRecord): State {
  const state = record.version === 0 ? record.state : decodeFields(record.state, "state");
  // Only the definition under which the run was stored can vouch for the shape.
  return deepFreeze(state as State);
}

/** The step that a record holds: tasks still to be run, and outcomes not yet folded. */
export function restoreStep(record: CheckpointRecord): Step {
  return {
    tasks: record.tasks.map(restoreTask),
    outcomes: record.tasks.map(restoreOutcome),
    stored: { records: [...record.tasks], changed: [] },
  };
}

/** How often each node was visited, the tasks of the current step included. */
export function restoreVisits(record: CheckpointRecord): Map<string, number> {
  const visits = new Map<string, number>();
  for (const node of record.completedNodes) visits.set(node, (visits.get(node) ?? 0) + 1);
  for (const { node, visit } of record.tasks) {
    visits.set(node, Math.max(visit, visits.get(node) ?? 0));
  }
  return visits;
}

/**
 * The pending edges of a record after a call's approval, and the ids of the pauses it approves.
 *
 * @throws {RunPausedError} If a pause is pending and the call approves none, or not which.
 * @throws {StalePauseError} If what the call approves is not pending.
 */
export function approve(
  record: CheckpointRecord,
  { approvePause = false, pauseId }: Approval,
): { readonly approved: readonly string[]; readonly pendingEdges: readonly PendingEdge[] } {
  const { pendingEdges, status } = record;
  const pauses = pausesOf(pendingEdges);
  if (!approvePause) {
    if (pauses.length > 0) throw new RunPausedError(record, pauses);
    return { approved: [], pendingEdges };
  }
  const [first] = pauses;
  if (first === undefined) throw new StalePauseError(record, status, pauseId);
  if (pauseId === undefined && pauses.length > 1) {
    throw new RunPausedError(record, pauses, "pass pauseId to say which of these you approve");
  }
  const approved = pauseId ?? first.id;
  if (!pauses.some(({ id }) => id === approved)) {
    throw new StalePauseError(record, status, approved);
  }
  return {
    approved: [approved],
    pendingEdges: pendingEdges.map((edge) =>
      edge.pause?.id === approved ? { node: edge.node, visit: edge.visit } : edge
    ),
  };
}

/**
 * Refuses a record whose next tasks or pending edges the pipeline does not have.
 *
 * @throws {UnknownNodeError} Naming the first such node.
 */
export function refuseUnknownNodes<State extends object>(
  plan: Plan<State>,
  record: CheckpointRecord,
): void {
  for (const { node } of [...record.tasks, ...record.pendingEdges]) {
    if (!plan.nodes.has(node)) throw new UnknownNodeError(record, node, plan.nodes.keys());
  }
}

function restoreTask(record: TaskRecord): Task {
  const { node, visit, payload, failures, attempt, status } = record;
  return {
    node,
    visit,
    payload: payload && decodeFields(payload, `send("${node}")`),
    failures,
    failed: attempt !== undefined && status === "pending"
      ? { attempt, retryAt: record.retryAt ?? "" }
      : undefined,
  };
}

function restoreOutcome(task: TaskRecord): Outcome | undefined {
  const { attempt: attempts } = task;
  switch (task.status) {
    case "pending":
      return undefined;
    case "paused":
      return { status: "paused", reason: task.reason, attempts };
    case "finished":
      return { status: "finished", update: decodeFields(task.update, "update"), attempts };
    case "failed":
      return { status: "handled", error: task.error, record: task.error, attempts };
  }
}

/** Decodes the values of an object whose own keys are data, whatever they look like. */
function decodeFields(fields: JsonObject, path: string): object {
  return Object.fromEntries(
    Object.entries(fields).map(([field, value]) => [
      field,
      decode(value, propertyPath(path, field)),
    ]),
  );
}
