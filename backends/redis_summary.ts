/**
 * What `listRuns` tells of a run, kept apart from its checkpoint where that is large, so that
 * listing runs does not read large states.
 *
 * @module
 */

import type { CheckpointRecord } from "../pipeline/checkpoint_record.ts";
import type { RunSummary } from "../pipeline/checkpointer.ts";
import { fromStored, recordFromText, recordToText, summarize } from "../pipeline/record.ts";
import { foldLatest } from "../pipeline/stored_chain.ts";
import { NONE } from "./redis_latest.ts";
import { changesOf } from "./redis_records.ts";

/** Longest text that is its own summary: making another one takes longer than reading it. */
const LONGEST = 4_000;

/** What a script tells of a run. */
export interface ToldSummary {
  /**
   * What the index says of the latest checkpoint; or a summary or a whole checkpoint, of the latest
   * one or of the one that was changed.
   */
  readonly text: string;
  /** The change that the latest checkpoint is; empty where it is none. */
  readonly change: string;
  /** For how many milliseconds nothing was heard of its worker, where that is known. */
  readonly idleMs: number | undefined;
}

/**
 * A record as text, without what can be large; empty where what is stored of the record is short.
 *
 * @param text What is stored of it.
 */
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

const WHERE = "that is a run's latest one in Redis";

/**
 * What an index says of a run's latest checkpoint, read.
 *
 * @throws {RecordVersionError} If a newer version of this package wrote it.
 */
export function fromLatest(
  { pipelineName, runId }: Pick<RunSummary, "pipelineName" | "runId">,
  { text, idleMs }: ToldSummary,
): RunSummary {
  const [sequence, , status, , , , version, leaseMs, nodeId, savedAt] = text.split(" ");
  const stored = {
    version: Number(version),
    pipeline_name: pipelineName,
    run_id: runId,
    sequence: Number(sequence),
    node_id: nodeId,
    state: {},
    completed_nodes: [],
    pending_edges: [],
    status,
    saved_at: savedAt,
    lease_ms: leaseMs === NONE ? undefined : Number(leaseMs),
  };
  return summarize(fromStored(stored, WHERE, ""), idleMs);
}

/**
 * What a script tells of a run, read.
 *
 * @throws {RecordVersionError} If a newer version of this package wrote it.
 */
export function fromSummary({ text, change, idleMs }: ToldSummary): RunSummary {
  const whole = recordFromText(text, WHERE, "");
  return summarize(latestOf(whole, change), idleMs);
}

/** What a summary needs of the latest record, to which no other change matters. */
function latestOf(whole: CheckpointRecord, change: string): CheckpointRecord {
  if (change === "") return whole;
  const changes = changesOf(change, WHERE).map((last) => ({ ...last, since: whole.sequence }));
  return foldLatest(whole, changes, WHERE);
}
