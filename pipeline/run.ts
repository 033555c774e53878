/**
 * A run in this process: what the loop works on, and how it is saved and told.
 *
 * @module
 */

import type {
  CheckpointRecord,
  PauseRecord,
  PendingEdge,
  RunStatus,
  TaskRecord,
} from "./checkpointer.ts";
import { decode } from "./codec.ts";
import type { Target } from "./edges.ts";
import { encodeFields } from "./encoded_state.ts";
import type { PendingPause } from "./errors.ts";
import { errorRecord, type Outcome } from "./outcome.ts";
import type { Pace } from "./pace.ts";
import type { Recorder } from "./recorder.ts";
import type { RunResult, TaskFailure } from "./result.ts";
import { listTasks, setTask, type TaskList } from "./task_list.ts";
import type { Task, TaskRunner } from "./task.ts";

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
  /** The node of every finished visit. */
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
  const tasks: Task[] = [];
  const records: TaskRecord[] = [];
  for (const { node, payload, storedPayload, answer } of targets) {
    const visit = nextVisit(run, node);
    tasks.push({ node, visit, payload, answer });
    if (run.recorder === undefined) continue;
    records.push({
      ...taskBase({ node, visit, payload: storedPayload, answer }),
      status: "pending",
    });
  }
  return { tasks, outcomes: [], stored: { records, changed: [] } };
}

type TaskBase = Pick<TaskRecord, "node" | "visit" | "begunAs" | "payload" | "answer">;

/** What a task's record tells whatever came of it. */
export function taskBase({ node, visit, begunAs, payload, answer }: TaskBase): TaskBase {
  const base = payload === undefined ? { node, visit } : { node, visit, payload };
  const named = begunAs === undefined ? base : { ...base, begunAs };
  return answer === undefined ? named : { ...named, answer };
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
  const base = taskBase(record);
  if (outcome.status === "paused") {
    const { status, reason, pause, entry } = outcome;
    const paused = { ...base, status, reason, pause };
    setTask(stored, index, entry === undefined ? paused : { ...paused, entry });
  } else if (outcome.status === "finished") {
    const update = outcome.storedUpdate ??
      encodeFields(outcome.update ?? {}, "state", () => `node "${record.node}"`);
    const finished = { ...base, status: "finished", update } as const;
    setTask(stored, index, outcome.rejected ? { ...finished, rejected: true } : finished);
  }
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
}

/**
 * Saves where the run stands, and resolves when it may go on; nothing is saved without a
 * checkpointer.
 */
export function saveRun<State extends object>(
  run: Run<State>,
  nodeId: string,
  status: RunStatus,
  { failures = [], ...details }: SaveDetails = {},
): Promise<void> {
  if (run.recorder === undefined) return Promise.resolve();
  return run.recorder.save({
    nodeId,
    status,
    state: run.state,
    completedNodes: run.completedNodes.slice(),
    tasks: listTasks(run.step.stored),
    pendingEdges: run.pendingEdges,
    steps: run.steps,
    failures: failures.map(({ error, ...task }) => ({ ...task, error: errorRecord(error) })),
    ...details,
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
