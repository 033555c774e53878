/**
 * A checkpointer that keeps runs in this process: for tests, for first steps, and as the shortest
 * reading of the protocol.
 *
 * @module
 */

import {
  CheckpointConflictError,
  type Checkpointer,
  type CheckpointRecord,
  type ListRunsOptions,
  type RunSummary,
} from "../pipeline/checkpointer.ts";
import { recordFromText, recordToText, summarize } from "../pipeline/record.ts";

/** What is kept of a run: its records as text, by sequence. */
type Records = Map<number, { readonly writer: string; readonly text: string }>;

/**
 * Keeps runs in memory; they end with the process.
 *
 * @example
 * ```ts
 * import { MemoryCheckpointer } from "@firefly/pipeline";
 *
 * const checkpointer = new MemoryCheckpointer();
 * ```
 */
export class MemoryCheckpointer implements Checkpointer {
  /** Runs by pipeline and id, the one saved last at the end. */
  readonly #pipelines = new Map<string, Map<string, Records>>();

  /** Stores one checkpoint. */
  // deno-lint-ignore require-await -- a conflict rejects
  async save(record: CheckpointRecord): Promise<void> {
    const runs = this.#pipelines.get(record.pipelineName) ?? new Map<string, Records>();
    const records: Records = runs.get(record.runId) ?? new Map();
    const latest = latestSequence(records);
    const isRepeated = record.sequence === latest &&
      records.get(latest)?.writer === record.writer;
    if (record.sequence <= latest && !isRepeated) throw new CheckpointConflictError(record);
    records.set(record.sequence, { writer: record.writer, text: recordToText(record) });
    runs.delete(record.runId);
    runs.set(record.runId, records);
    this.#pipelines.set(record.pipelineName, runs);
  }

  /** Yields the checkpoint with the highest sequence. */
  async loadLatest(pipelineName: string, runId: string): Promise<CheckpointRecord | undefined> {
    for await (const record of this.history(pipelineName, runId)) return record;
  }

  /** Yields the runs of one pipeline, the one saved last first. */
  async *listRuns(
    pipelineName: string,
    { status, limit = Infinity }: ListRunsOptions = {},
  ): AsyncIterable<RunSummary> {
    let left = limit;
    for (const runId of [...this.#pipelines.get(pipelineName)?.keys() ?? []].reverse()) {
      if (left <= 0) return;
      const record = await this.loadLatest(pipelineName, runId);
      if (record === undefined || (status !== undefined && record.status !== status)) continue;
      left--;
      yield summarize(record);
    }
  }

  /** Yields every checkpoint of a run, newest first. */
  // deno-lint-ignore require-await -- the protocol is asynchronous
  async *history(pipelineName: string, runId: string): AsyncIterable<CheckpointRecord> {
    const records: Records = this.#pipelines.get(pipelineName)?.get(runId) ?? new Map();
    const newestFirst = [...records].sort(([one], [other]) => other - one);
    for (const [sequence, { text }] of newestFirst) {
      yield recordFromText(text, `checkpoint ${sequence} of run "${runId}"`, "");
    }
  }

  /** Removes all that is kept of a run. */
  // deno-lint-ignore require-await -- the protocol is asynchronous
  async deleteRun(pipelineName: string, runId: string): Promise<void> {
    this.#pipelines.get(pipelineName)?.delete(runId);
  }
}

function latestSequence(records: Records): number {
  let latest = -1;
  for (const sequence of records.keys()) latest = Math.max(latest, sequence);
  return latest;
}
