/**
 * A run in this process: what the loop works on, and how it is saved and told.
 *
 * @module
 */

import type {
  CheckpointRecord,
  PendingEdge,
  RunStatus,
  VisitAttempts,
} from "./checkpoint_record.ts";
import { decode } from "./codec.ts";
import type { Target } from "./edges.ts";
import { encodeFields } from "./encoded_state.ts";
import { errorRecord } from "./error_record.ts";
import type { PendingPause } from "./errors.ts";
import type { Outcome } from "./outcome.ts";
import type { Pace } from "./pace.ts";
import type { Recorder } from "./recorder.ts";
import type { RunResult, TaskFailure } from "./result.ts";
import type { FailedAttempt } from "./retry.ts";
import { listTasks, setTask, type TaskList, withoutOutcome } from "./task_list.ts";
import type { Task, TaskRunner } from "./task.ts";
import type { PauseRecord, TaskRecord } from "./task_record.ts";

/** A run that is being worked on. Only the loop changes it. */
export interface Run<State extends object> {
  /** What its tasks share. */
  readonly runner: TaskRunner<State>;
  /** Its line to the checkpointer, if the pipeline has one. */
  readonly recorder: Recorder | undefined;
  /** Aborts what its nodes are doing. */
  readonly control: AbortController;
  /** Aborts when its worker is to let go of it. */
  readonly draining: AbortSignal;
  /** Tells it when to give way to others. */
  readonly pace: Pace;
  /** Steps it may take over its whole life. */
  readonly recursionLimit: number;
  /** Tasks that run side by side. */
  readonly concurrency: number;
  /** The state, all finished steps folded in; deeply frozen. */
  state: State;
  /** The node of every finished visit. Only what no checkpoint was made of is taken back. */
  readonly completedNodes: string[];
  /** How often each node was visited. */
  readonly visits: Map<string, number>;
  /** Steps taken. */
  steps: number;
  /** How often it was recovered from a dead worker since its last step. */
  recoveries: number;
  /** The step that runs next, or is under way. */
  step: Step;
  /** Finished visits whose edges are still to be asked. */
  pendingEdges: readonly PendingEdge[];
}

/** The tasks of one step, in order. */
export interface Step {
  /** The tasks. */
  readonly tasks: readonly Task[];
  /** What came of each, by its index; nothing where it is still to be done. */
  readonly outcomes: (Outcome | undefined)[];
  /** The tasks as they are stored; empty without a checkpointer. */
  readonly stored: TaskList;
}

/** No step: nothing is left to run. */
export const NO_STEP: Step = { tasks: [], outcomes: [], stored: { records: [], changed: [] } };

/** The step that runs the given targets. */
export function makeStep<State extends object>(
  run: Pick<Run<State>, "visits" | "recorder">,
  targets: readonly Target[],
): Step {
  if (targets.length === 0) return NO_STEP;
  let tasks: Task[] | undefined;
  let records: TaskRecord[] | undefined;
  for (const { node, payload, storedPayload, answer, failures } of targets) {
    const visit = nextVisit(run, node);
    tasks = withItem(tasks, { node, visit, payload, answer, failures });
    if (run.recorder === undefined) continue;
    records = withItem(records, {
      ...withoutOutcome({ node, visit, payload: storedPayload, answer, failures }),
      status: "pending",
    });
  }
  const outcomes: (Outcome | undefined)[] = targets.length === 1 ? [undefined] : [];
  return { tasks: tasks ?? [], outcomes, stored: { records: records ?? [], changed: [] } };
}

/** Most steps have one task, and what is put into an empty list gets room for seventeen. */
function withItem<T>(list: T[] | undefined, item: T): T[] {
  if (list === undefined) return [item];
  list.push(item);
  return list;
}

function nextVisit<State extends object>(run: Pick<Run<State>, "visits">, node: string): number {
  const visit = (run.visits.get(node) ?? 0) + 1;
  run.visits.set(node, visit);
  return visit;
}

/** Notes what came of a task, also in its stored form if it is to be saved before the step ends. */
export function noteOutcome(
  { outcomes, stored }: Step,
  index: number,
  outcome: Outcome,
): void {
  outcomes[index] = outcome;
  const record = stored.records[index];
  if (record === undefined) return;
  const told = withoutOutcome(record);
  const { attempts: attempt } = outcome;
  const task = attempt === undefined ? told : { ...told, attempt };
  if (outcome.status === "paused") {
    const { status, reason, pause, entry } = outcome;
    const paused = { ...task, status, reason, pause };
    setTask(stored, index, entry === undefined ? paused : { ...paused, entry });
  } else if (outcome.status === "finished") {
    const update = outcome.storedUpdate ??
      encodeFields(outcome.update ?? {}, "state", () => `node "${record.node}"`);
    const finished = { ...task, status: "finished", update } as const;
    setTask(stored, index, outcome.rejected ? { ...finished, rejected: true } : finished);
  } else if (outcome.status === "handled") {
    setTask(stored, index, { ...task, status: "failed", error: outcome.record });
  } else if (outcome.status === "failed" && record.attempt !== undefined) {
    // Who resumes a run that failed gives the node all of its attempts again.
    setTask(stored, index, pendingAgain(record));
  }
}

/** The record of a task that is still to be done, as it was before its first attempt. */
function pendingAgain(record: TaskRecord): TaskRecord & { readonly status: "pending" } {
  const task = { ...withoutOutcome(record), status: "pending" } as const;
  const reentry = record.status === "pending" ? record.reentry : undefined;
  return reentry === undefined ? task : { ...task, reentry };
}

/** Notes that an attempt of a task failed and another one follows. */
export function noteRetry({ stored }: Step, index: number, failed: FailedAttempt): void {
  const record = stored.records[index];
  if (record === undefined) return;
  setTask(stored, index, { ...pendingAgain(record), ...failed });
}

/** The visits of a step that ended and took more than one attempt, if there are any. */
function attemptsIn({ tasks, outcomes }: Step): readonly VisitAttempts[] | undefined {
  const attempts: VisitAttempts[] = [];
  outcomes.forEach((outcome, index) => {
    const task = tasks[index];
    if (outcome?.attempts === undefined || task === undefined) return;
    attempts.push({ node: task.node, visit: task.visit, attempts: outcome.attempts });
  });
  return attempts.length === 0 ? undefined : attempts;
}

/** What a checkpoint tells besides where the run stands. */
export interface SaveDetails {
  /** What failed. */
  readonly failures?: readonly TaskFailure[];
  /** The call that goes on with the run. */
  readonly resume?: CheckpointRecord["resume"];
  /** The checkpoint that the run begins with. */
  readonly forkedFrom?: CheckpointRecord["forkedFrom"];
  /** Whether the worker lets go of the run. */
  readonly isReleased?: boolean;
  /** The step that ended. */
  readonly ended?: Step;
}

/**
 * Saves where the run stands, and resolves when it may go on; nothing is saved without a
 * checkpointer.
 */
export function saveRun<State extends object>(
  run: Run<State>,
  nodeId: string,
  status: RunStatus,
  { failures = [], ended, resume, forkedFrom, isReleased }: SaveDetails = {},
): Promise<void> {
  if (run.recorder === undefined) return Promise.resolve();
  return run.recorder.save({
    nodeId,
    status,
    state: run.state,
    finished: run.completedNodes,
    finishedCount: run.completedNodes.length,
    tasks: listTasks(run.step.stored),
    pendingEdges: run.pendingEdges,
    steps: run.steps,
    failures: failures.map(({ error, ...task }) => ({ ...task, error: errorRecord(error) })),
    attempts: ended && attemptsIn(ended),
    resume,
    forkedFrom,
    isReleased,
    recoveries: run.recoveries === 0 ? undefined : run.recoveries,
  });
}

/** Resolves when all that was saved of a run is stored. */
export async function settleRun<State extends object>({ recorder }: Run<State>): Promise<void> {
  await recorder?.settled();
}

/** What the run has to say of itself, whatever its status. */
export function resultBase<State extends object>(
  run: Run<State>,
): Pick<RunResult<State>, "runId" | "state" | "completedNodes"> {
  const completedNodes = Object.freeze(run.completedNodes.slice());
  return { runId: run.runner.runId, state: run.state, completedNodes };
}

/** The pauses among edges that are still to be asked. */
export function pausesOf(pendingEdges: readonly PendingEdge[]): readonly PendingPause[] {
  const pauses: PendingPause[] = [];
  for (const { node, pause } of pendingEdges) {
    if (pause !== undefined) pauses.push(pendingPause(pause, node));
  }
  return pauses;
}

/** A pause as a caller sees it: what is shown of it decoded. */
export function pendingPause({ payload, ...pause }: PauseRecord, node: string): PendingPause {
  const shown = payload === undefined ? {} : { payload: decode(payload, "pause.payload") };
  return { ...pause, ...shown, node };
}

/** The result of a run that failed. */
export function failedResult<State extends object>(
  run: Run<State>,
  failures: readonly [TaskFailure, ...TaskFailure[]],
): RunResult<State> {
  const [{ node, error }] = failures;
  return { ...resultBase(run), status: "failed", failedNode: node, error, failures };
}
