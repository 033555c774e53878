/**
 * What `listRuns` tells of a run, kept apart from its checkpoint, so that listing runs does not
 * read their states.
 *
 * @module
 */

import type { CheckpointRecord, RunSummary } from "../pipeline/checkpointer.ts";
import { recordFromText, recordToText, summarize } from "../pipeline/record.ts";

/** A record as text, without what can be large. */
export function summaryOf(record: CheckpointRecord): string {
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
 * What a summary tells.
 *
 * @throws {RecordVersionError} If a newer version of this package wrote it.
 */
export function fromSummary(text: string): RunSummary {
  return summarize(recordFromText(text, "a run's summary in Redis", ""));
}
