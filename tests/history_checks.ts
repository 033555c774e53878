/**
 * Whether the stored past of a run is one chain, in which each record follows from the one before.
 *
 * @module
 */

import type { CheckpointRecord, TaskRecord } from "../mod.ts";

/** What is known of the records besides what they say. */
export interface Expectations {
  /** Whether every step of the run was to be stored, as all durabilities but `"exit"` do. */
  readonly storesEveryStep: boolean;
}

/** What is wrong with the records of one run, given oldest first; empty if nothing is. */
export function problemsOf(
  records: readonly CheckpointRecord[],
  { storesEveryStep }: Expectations,
): readonly string[] {
  const problems: string[] = [];
  const approved = new Set<string>();
  const calls = new Set<string>();
  records.forEach((record, index) => {
    const previous = records[index - 1];
    const found = [
      ...ownProblems(record, index),
      ...previous === undefined
        ? startProblems(record)
        : followingProblems(previous, record, storesEveryStep),
      ...record.writer !== previous?.writer && calls.has(record.writer)
        ? ["its writer came back after another one"]
        : [],
      ...record.resume?.approved.filter((id) => approved.has(id)).map((id) =>
        `${id} was approved before`
      ) ?? [],
    ];
    calls.add(record.writer);
    for (const id of record.resume?.approved ?? []) approved.add(id);
    const where = `${record.runId}, checkpoint ${record.sequence} (${record.nodeId})`;
    problems.push(...found.map((problem) => `${where}: ${problem}`));
  });
  return problems;
}

/** The visits that a record says are finished, as `node visit`, in merge order and then in the step. */
export function finishedVisits(record: CheckpointRecord): readonly string[] {
  const counts = new Map<string, number>();
  const merged = record.completedNodes.map((node) => {
    const visit = (counts.get(node) ?? 0) + 1;
    counts.set(node, visit);
    return `${node} ${visit}`;
  });
  const unmerged = record.tasks.filter(({ status }) => status !== "pending").map(visitOf);
  return [...merged, ...unmerged];
}

/** A task as `node visit`. */
export function visitOf({ node, visit }: Pick<TaskRecord, "node" | "visit">): string {
  return `${node} ${visit}`;
}

function ownProblems(record: CheckpointRecord, index: number): readonly string[] {
  const { sequence, tasks, completedNodes, status, paused, pendingEdges } = record;
  const count = (node: string) => completedNodes.filter((name) => name === node).length;
  const visits = tasks.map(visitOf);
  const again = tasks.filter(({ node, visit }) => visit <= count(node)).map(visitOf);
  const hasPause = pendingEdges.some(({ pause }) => pause !== undefined);
  return [
    ...sequence === index ? [] : [`it is at place ${index} of the history`],
    ...new Set(visits).size === visits.length ? [] : [`a visit is twice in ${visits}`],
    ...again.map((visit) => `${visit} is to be run, and is merged already`),
    ...paused === (status === "paused") && (hasPause || !paused) ? [] : ["it is half paused"],
    ...status === "completed" && tasks.length + pendingEdges.length > 0 ? ["more is to come"] : [],
  ];
}

function startProblems({ nodeId, completedNodes, steps }: CheckpointRecord): readonly string[] {
  const isStart = nodeId === "__start__" && completedNodes.length === 0 && steps === 0;
  return isStart ? [] : ["the history does not begin with the start"];
}

function followingProblems(
  previous: CheckpointRecord,
  next: CheckpointRecord,
  storesEveryStep: boolean,
): readonly string[] {
  const isPrefix = previous.completedNodes.every((node, at) => next.completedNodes[at] === node);
  const merged = next.completedNodes.slice(previous.completedNodes.length);
  const steps = next.steps - previous.steps;
  const isClaim = next.resume !== undefined &&
    ["__resume__", "__cancel__"].includes(next.nodeId);
  // A run that killed its workers is let rest by a call that runs nothing.
  const isParked = next.failures.some(({ error }) => error.name === "RecoveryLimitError");
  const step = previous.tasks.map(({ node }) => node);
  const isNew = next.writer !== previous.writer;
  return [
    ...isPrefix && merged.length >= 0 ? [] : ["it forgets finished visits"],
    ...steps < 0 || (storesEveryStep && steps > 1) ? [`it takes ${steps} steps at once`] : [],
    ...(steps > 0) === (merged.length > 0) ? [] : [`${steps} steps merge ${merged.length} visits`],
    ...storesEveryStep && steps === 1 && String(merged) !== String(step)
      ? [`it merges ${merged}, and the step was ${step}`]
      : [],
    ...steps === 0 ? stepProblems(previous.tasks, next.tasks) : [],
    ...isNew === (isClaim || isParked) ? [] : ["the worker changed without a claim"],
    ...isClaim && merged.length > 0 ? ["a claim merges visits"] : [],
    ...previous.status === "completed" ? ["the run was completed"] : [],
    ...next.resume?.approved.filter((id) => !isPending(previous, id)).map((id) =>
      `${id} was not pending`
    ) ?? [],
  ];
}

/** Within a step, tasks finish and never become pending again. */
function stepProblems(
  previous: readonly TaskRecord[],
  next: readonly TaskRecord[],
): readonly string[] {
  if (previous.length === 0) return [];
  if (String(previous.map(visitOf)) !== String(next.map(visitOf))) {
    return [`the step ${previous.map(visitOf)} became ${next.map(visitOf)}`];
  }
  const lost = previous.filter(({ status }, index) =>
    status !== "pending" && next[index]?.status !== status
  );
  return lost.map((task) => `it forgets that ${visitOf(task)} finished`);
}

function isPending({ pendingEdges }: CheckpointRecord, id: string): boolean {
  return pendingEdges.some(({ pause }) => pause?.id === id);
}
