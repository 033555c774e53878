/**
 * A checkpointer that keeps runs in this process: for tests, for first steps, and as the shortest
 * reading of the protocol.
 *
 * @module
 */

import type { CheckpointChange, CheckpointRecord } from "../pipeline/checkpoint_record.ts";
import {
  CheckpointConflictError,
  type Checkpointer,
  type ListRunsOptions,
  type LoadedRecord,
  type RunSummary,
} from "../pipeline/checkpointer.ts";
import { makeNewerRuns } from "../pipeline/newer_runs.ts";
import { recordFromText, recordToText, summarize } from "../pipeline/record.ts";

/** A record as text, so that nothing of it is shared with a caller. */
interface Entry {
  readonly sequence: number;
  readonly writer: string;
  readonly text: string;
  /** When it was saved or touched, by a clock that never jumps. */
  heardAt: number;
}

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
  /** By pipeline and run, the run saved last at the end; of a run, oldest first. */
  readonly #pipelines = new Map<string, Map<string, Entry[]>>();

  /**
   * Stores one checkpoint.
   *
   * @throws {CheckpointConflictError} If another writer saved this sequence, a later one is stored,
   * or what is changed is not the latest.
   */
  // deno-lint-ignore require-await -- a conflict rejects
  async save(record: CheckpointRecord, change?: CheckpointChange): Promise<void> {
    const { pipelineName, runId, sequence, writer } = record;
    const runs = this.#pipelines.get(pipelineName) ?? new Map<string, Entry[]>();
    const entries = runs.get(runId) ?? [];
    const latest = entries.at(-1);
    if (latest?.sequence === sequence && latest.writer === writer) entries.pop();
    else if (!isNext(latest, sequence, change)) throw new CheckpointConflictError(record);
    entries.push({ sequence, writer, text: recordToText(record), heardAt: performance.now() });
    runs.delete(runId);
    runs.set(runId, entries);
    this.#pipelines.set(pipelineName, runs);
  }

  /** Yields the checkpoint with the highest sequence. */
  // deno-lint-ignore require-await -- the protocol is asynchronous
  async loadLatest(pipelineName: string, runId: string): Promise<LoadedRecord | undefined> {
    const latest = this.#entries(pipelineName, runId).at(-1);
    return latest && { ...toRecord(latest), idleMs: performance.now() - latest.heardAt };
  }

  /** Yields the runs of one pipeline, the one saved last first. */
  async *listRuns(
    pipelineName: string,
    { status, limit = Infinity }: ListRunsOptions = {},
  ): AsyncIterable<RunSummary> {
    let left = limit;
    const newer = makeNewerRuns();
    for (const runId of [...this.#pipelines.get(pipelineName)?.keys() ?? []].reverse()) {
      if (left <= 0) return;
      const record = await newer.passOver(() => this.loadLatest(pipelineName, runId));
      if (record === undefined || (status !== undefined && record.status !== status)) continue;
      left--;
      yield summarize(record);
    }
    newer.tell();
  }

  /** Yields every checkpoint of a run, newest first. */
  async *history(pipelineName: string, runId: string): AsyncIterable<CheckpointRecord> {
    for (const entry of this.#entries(pipelineName, runId).toReversed()) yield toRecord(entry);
  }

  /** Removes all that is kept of a run. */
  // deno-lint-ignore require-await -- the protocol is asynchronous
  async deleteRun(pipelineName: string, runId: string): Promise<void> {
    this.#pipelines.get(pipelineName)?.delete(runId);
  }

  /** Notes that the run's worker is alive, if its latest checkpoint is still this writer's. */
  // deno-lint-ignore require-await -- the protocol is asynchronous
  async touch(pipelineName: string, runId: string, writer: string): Promise<boolean> {
    const latest = this.#entries(pipelineName, runId).at(-1);
    if (latest?.writer !== writer) return false;
    latest.heardAt = performance.now();
    return true;
  }

  /** Removes checkpoints of a run below a sequence; the latest one stays. */
  // deno-lint-ignore require-await -- the protocol is asynchronous
  async trim(pipelineName: string, runId: string, below: number): Promise<number> {
    const entries = this.#pipelines.get(pipelineName)?.get(runId) ?? [];
    const old = entries.slice(0, -1).filter(({ sequence }) => sequence < below);
    entries.splice(0, old.length);
    return old.length;
  }

  #entries(pipelineName: string, runId: string): readonly Entry[] {
    return this.#pipelines.get(pipelineName)?.get(runId) ?? [];
  }
}

/** Whether a record may be saved upon the latest one. */
function isNext(
  latest: Entry | undefined,
  sequence: number,
  change: CheckpointChange | undefined,
): boolean {
  if (change === undefined || change.since < 0) return sequence > (latest?.sequence ?? -1);
  return latest?.sequence === change.since && latest.writer === change.sinceWriter;
}

function toRecord({ sequence, text }: Entry): CheckpointRecord {
  return recordFromText(text, `checkpoint ${sequence} in memory`, "");
}
