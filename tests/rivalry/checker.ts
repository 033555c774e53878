/**
 * Whether what rivals left of their runs is sound.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Checkpointer, CheckpointRecord } from "../../mod.ts";
import { problemsOf } from "../history_checks.ts";
import { defineJourney, DEPARTURE, WHOLE_LOG } from "../journey.ts";
import { RIVALRY, type Saved } from "./order.ts";

/** What is wrong with what is stored of a run, given what was told to be saved of it. */
export function problemsOfRun(
  newestFirst: readonly CheckpointRecord[],
  saves: readonly Saved[],
): readonly string[] {
  const records = newestFirst.toReversed();
  return [
    ...problemsOf(records, { storesEveryStep: true }),
    ...records.flatMap(logProblems),
    ...lostSaves(records, saves),
  ];
}

/** Whose log is the beginning of the whole one has merged every visit once, and in order. */
function logProblems({ runId, sequence, state, completedNodes }: CheckpointRecord) {
  const merged = completedNodes.filter((node) => node !== "border").length;
  const expected = JSON.stringify(WHOLE_LOG.slice(0, merged));
  if (JSON.stringify(state.log) === expected) return [];
  return [`${runId}, checkpoint ${sequence}: its log is ${JSON.stringify(state.log)}`];
}

/** A run may have been deleted and begun anew: its writers tell which saves belong to it. */
function lostSaves(records: readonly CheckpointRecord[], saves: readonly Saved[]) {
  const writers = new Set(records.map(({ writer }) => writer));
  return saves.filter(({ writer, sequence }) =>
    writers.has(writer) && records[sequence]?.writer !== writer
  ).map(({ runId, writer, sequence }) =>
    `${runId}: checkpoint ${sequence} of ${writer} was saved, and is that of ` +
    `${records[sequence]?.writer ?? "nobody"}`
  );
}

/** Brings a run to its end, and asserts that this is the one of a run that nobody fought over. */
export async function assertEnds(checkpointer: Checkpointer, runId: string): Promise<void> {
  const journey = defineJourney({ name: RIVALRY, paceMs: 1, mark: () => {}, checkpointer });
  for (;;) {
    const latest = await checkpointer.loadLatest(RIVALRY, runId);
    const asks = latest?.pendingEdges.some(({ pause }) => pause !== undefined);
    const result = await journey.resume(runId, {
      takeOver: true,
      ...asks && { approvePause: true, update: { permit: true } },
    });
    if (result.status === "paused") continue;
    assertEquals(result.status, "completed", runId);
    assertEquals(result.state, { ...DEPARTURE, log: WHOLE_LOG, permit: true }, runId);
    return;
  }
}
