/**
 * From a stored record back to a run, and what may be done with it.
 *
 * @module
 */

import type { CheckpointRecord, PendingEdge } from "./checkpoint_record.ts";
import { decode, propertyPath } from "./codec.ts";
import {
  PauseExpiredError,
  type PendingPause,
  RunPausedError,
  StalePauseError,
  UnknownNodeError,
} from "./errors.ts";
import { deepFreeze } from "./freeze.ts";
import type { Json, JsonObject } from "./json.ts";
import type { Outcome } from "./outcome.ts";
import type { Plan } from "./plan.ts";
import { pausesOf, type Step } from "./run.ts";
import type { Task } from "./task.ts";
import type { TaskRecord } from "./task_record.ts";

/** Which pauses a call approves. */
export interface Approval {
  /** Whether the call approves a pause at all. */
  readonly approvePause?: boolean;
  /** Which one; needed when several are pending. */
  readonly pauseId?: string;
  /** What comes with the approval, encoded. */
  readonly answer?: Json;
  /** When it was approved, ISO 8601 in UTC; now by default. */
  readonly approvedAt?: string;
}

/** What an approval leaves of a run's pending edges. */
export interface Approved {
  /** The ids of the pauses that it approves. */
  readonly approved: readonly string[];
  /** The edges that are still to be asked. */
  readonly pendingEdges: readonly PendingEdge[];
  /** The pause that it approves, if that re-enters its node. */
  readonly reentered?: PendingEdge;
}

/**
 * The state that a record holds, deeply frozen. What the Python framework stored is taken as it
 * is: its JSON knows no tags.
 */
export function restoreState<State extends object>(record: CheckpointRecord): State {
  // Only the definition under which the run was stored can vouch for the shape.
  return deepFreeze(decodeState(record) as State);
}

/** The state that a record holds, as data of its own. */
export function decodeState({ version, state }: CheckpointRecord): object {
  return version === 0 ? structuredClone(state) : decodeFields(state, "state");
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
 * @throws {PauseExpiredError} If the time of the pause is over.
 */
export function approve(
  record: CheckpointRecord,
  { approvePause = false, pauseId, answer, approvedAt }: Approval,
): Approved {
  const { pendingEdges } = record;
  const pauses = pausesOf(pendingEdges);
  if (!approvePause) {
    if (pauses.length > 0) throw new RunPausedError(record, pauses);
    return { approved: [], pendingEdges };
  }
  const { id, expiresAt } = findPause(record, pauseId, "approve");
  const now = approvedAt === undefined ? Date.now() : Date.parse(approvedAt);
  if (expiresAt !== undefined && Date.parse(expiresAt) <= now) {
    throw new PauseExpiredError(record, id, expiresAt);
  }
  const reentered = reenteredBy(pendingEdges, id);
  if (reentered !== undefined) return { approved: [id], pendingEdges: [], reentered };
  return {
    approved: [id],
    pendingEdges: pendingEdges.map((edge) => {
      if (edge.pause?.id !== id) return edge;
      const { node, visit } = edge;
      return answer === undefined ? { node, visit } : { node, visit, answer };
    }),
  };
}

/**
 * The pause of this id, if it re-enters its node. While a task is at that, the step is under way: what
 * else it waits for is asked again when it stops.
 */
export function reenteredBy(
  pendingEdges: readonly PendingEdge[],
  id: string,
): PendingEdge | undefined {
  return pendingEdges.find(({ pause, entry }) => pause?.id === id && entry !== undefined);
}

/**
 * The pause that a call is about.
 *
 * @throws {RunPausedError} If several are pending and the call does not say which.
 * @throws {StalePauseError} If it is not pending.
 */
export function findPause(
  record: CheckpointRecord,
  pauseId: string | undefined,
  verb: "approve" | "reject",
): PendingPause {
  const pauses = pausesOf(record.pendingEdges);
  if (pauseId === undefined && pauses.length > 1) {
    throw new RunPausedError(record, pauses, `pass pauseId to say which of these you ${verb}`);
  }
  const pause = pauses.find(({ id }) => pauseId === undefined || id === pauseId);
  if (pause === undefined) throw new StalePauseError(record, record.status, pauseId);
  return pause;
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
  const { node, visit, begunAs, payload, answer, failures, attempt } = record;
  const task = {
    node,
    visit,
    begunAs,
    payload: payload && decodeFields(payload, `send("${node}")`),
    answer,
    failures,
  };
  if (record.status !== "pending") return task;
  const { reentry, retryAt = "" } = record;
  return { ...task, reentry, failed: attempt === undefined ? undefined : { attempt, retryAt } };
}

function restoreOutcome(task: TaskRecord): Outcome | undefined {
  const { attempt: attempts } = task;
  switch (task.status) {
    case "pending":
      return undefined;
    case "paused":
      return {
        status: "paused",
        reason: task.reason,
        pause: task.pause ?? {},
        entry: task.entry,
        attempts,
      };
    case "finished":
      return {
        status: "finished",
        update: decodeFields(task.update, "update"),
        rejected: task.rejected,
        attempts,
      };
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
