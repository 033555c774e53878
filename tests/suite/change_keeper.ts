/**
 * A store in memory that keeps of every save only what it changes: with it the suite also tests
 * the changes that pipelines hand along, and the helper that folds them back.
 *
 * @module
 */

import {
  applyChange,
  type CheckpointChange,
  CheckpointConflictError,
  type Checkpointer,
  type CheckpointHead,
  type CheckpointRecord,
  type ListRunsOptions,
  type LoadedRecord,
  type RunSummary,
} from "../../mod.ts";
import { summarize } from "../../pipeline/record.ts";

/** A whole record, or what is left of it beside a change. */
type Kept =
  | { readonly record: CheckpointRecord; readonly change?: undefined }
  | { readonly record: CheckpointHead; readonly change: CheckpointChange };

/** Keeps the first record of a run whole, and changes after that. */
export class ChangeKeeper implements Checkpointer {
  /** What is kept, as text, of each run by sequence; the run saved last is at the end. */
  readonly #runs = new Map<string, Map<number, string>>();
  readonly #heardAt = new Map<string, number>();

  /** Keeps a change where there is one, and where what it changes is there. */
  // deno-lint-ignore require-await -- a conflict rejects
  async save(record: CheckpointRecord, change?: CheckpointChange): Promise<void> {
    const key = JSON.stringify([record.pipelineName, record.runId]);
    const texts = this.#runs.get(key) ?? new Map<number, string>();
    const latest = Math.max(-1, ...texts.keys());
    const isRepeated = record.sequence === latest && read(texts, latest).writer === record.writer;
    if (!isRepeated && !isNext(texts, latest, record, change)) {
      throw new CheckpointConflictError(record);
    }
    const { state: _, completedNodes: __, tasks: ___, ...head } = record;
    const kept: Kept = change !== undefined && texts.has(change.since)
      ? { record: head, change }
      : { record };
    texts.set(record.sequence, JSON.stringify(kept));
    this.#runs.delete(key);
    this.#runs.set(key, texts);
    this.#heardAt.set(key, performance.now());
  }

  /** Folds the changes of a run. */
  async loadLatest(pipelineName: string, runId: string): Promise<LoadedRecord | undefined> {
    const heardAt = this.#heardAt.get(JSON.stringify([pipelineName, runId])) ?? NaN;
    for await (const record of this.history(pipelineName, runId)) {
      return { ...record, idleMs: performance.now() - heardAt };
    }
  }

  /** Notes the time. */
  async touch(pipelineName: string, runId: string, writer: string): Promise<boolean> {
    const latest = await this.loadLatest(pipelineName, runId);
    if (latest?.writer !== writer) return false;
    this.#heardAt.set(JSON.stringify([pipelineName, runId]), performance.now());
    return true;
  }

  /** Reads each run's latest checkpoint. */
  async *listRuns(
    pipelineName: string,
    { status, limit = Infinity }: ListRunsOptions = {},
  ): AsyncIterable<RunSummary> {
    let left = limit;
    for (const key of [...this.#runs.keys()].reverse()) {
      if (left <= 0) return;
      const [name, runId]: string[] = JSON.parse(key);
      if (name !== pipelineName || runId === undefined) continue;
      const record = await this.loadLatest(name, runId);
      if (record === undefined || (status !== undefined && record.status !== status)) continue;
      left--;
      yield summarize(record);
    }
  }

  /** Folds the changes up to each checkpoint. */
  async *history(pipelineName: string, runId: string): AsyncIterable<CheckpointRecord> {
    const texts = this.#runs.get(JSON.stringify([pipelineName, runId])) ??
      new Map<number, string>();
    for (const sequence of [...texts.keys()].sort((one, other) => other - one)) {
      yield read(texts, sequence);
    }
  }

  /** Removes the past of a run. */
  // deno-lint-ignore require-await -- the protocol is asynchronous
  async trim(pipelineName: string, runId: string, below: number): Promise<number> {
    const texts = this.#runs.get(JSON.stringify([pipelineName, runId])) ??
      new Map<number, string>();
    const latest = Math.max(-1, ...texts.keys());
    const kept = [...texts.keys()].filter((sequence) => sequence >= Math.min(below, latest));
    const needed = Math.min(...kept);
    // The oldest that stays becomes whole, so that it needs none of those that go.
    if (kept.length > 0) texts.set(needed, JSON.stringify({ record: read(texts, needed) }));
    const old = [...texts.keys()].filter((sequence) => sequence < needed);
    for (const sequence of old) texts.delete(sequence);
    return old.length;
  }

  /** Removes a run. */
  // deno-lint-ignore require-await -- the protocol is asynchronous
  async deleteRun(pipelineName: string, runId: string): Promise<void> {
    this.#runs.delete(JSON.stringify([pipelineName, runId]));
  }
}

/** Whether a record may be saved upon the latest one. */
function isNext(
  texts: ReadonlyMap<number, string>,
  latest: number,
  { sequence }: CheckpointRecord,
  change: CheckpointChange | undefined,
): boolean {
  if (change === undefined || change.since < 0) return sequence > latest;
  return change.since === latest && read(texts, latest).writer === change.sinceWriter;
}

function read(texts: ReadonlyMap<number, string>, sequence: number): CheckpointRecord {
  const kept: Kept = JSON.parse(texts.get(sequence) ?? "null");
  if (kept.change === undefined) return kept.record;
  return applyChange(read(texts, kept.change.since), kept.record, kept.change);
}
