/**
 * What `listRuns` tells of a run, kept apart from its checkpoint where that is large, so that
 * listing runs does not read large states.
 *
 * @module
 */

import type { CheckpointRecord, RunSummary } from "../pipeline/checkpointer.ts";
import { recordFromText, recordToText, summarize } from "../pipeline/record.ts";

/** Longest checkpoint that is its own summary: making another text takes longer than reading it. */
const LONGEST = 4_000;

/** A record as text, without what can be large; empty where the record's own text is short. */
export function summaryOf(record: CheckpointRecord, text: string): string {
  if (text.length <= LONGEST) return "";
  return recordToText({
    ...record,
    state: {},
    completedNodes: [],
    tasks: [],
    failures: [],
    resume: undefined,
  });
}

/**
 * What a summary, or a whole checkpoint, tells.
 *
 * @throws {RecordVersionError} If a newer version of this package wrote it.
 */
export function fromSummary(text: string): RunSummary {
  return summarize(recordFromText(text, "that is a run's latest one in Redis", ""));
}
