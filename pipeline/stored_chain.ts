/**
 * Chains of stored changes, folded into the records that they stand for.
 *
 * @module
 */

import type { CheckpointRecord } from "./checkpoint_record.ts";
import { type Fold, startFold } from "./record_fold.ts";
import { effectOf, savedAtOf, sinceOf, type StoredChange, writerMark } from "./stored_change.ts";

/**
 * The record that a chain of changes ends with.
 *
 * @param base The whole record that the chain begins with.
 * @param changes The changes, oldest first.
 * @param where Names the chain in errors.
 * @throws {TypeError} If a change does not follow what is before it.
 */
export function foldLatest(
  base: CheckpointRecord,
  changes: readonly StoredChange[],
  where: string,
): CheckpointRecord {
  return recordOf(foldUpTo(base, changes, changes.length, where), base);
}

/** Records that {@linkcode foldHistory} holds at a time. */
const PAGE = 50;

/**
 * Every record of a chain of changes, newest first, the one that it begins with at the end. Holds
 * some records at a time, whatever the length of the chain.
 *
 * @throws {TypeError} If a change does not follow what is before it.
 */
export function* foldHistory(
  base: CheckpointRecord,
  changes: readonly StoredChange[],
  where: string,
): Iterable<CheckpointRecord> {
  for (let end = changes.length; end > 0; end -= PAGE) {
    const begin = Math.max(0, end - PAGE);
    let from = foldUpTo(base, changes, begin, where);
    const records: CheckpointRecord[] = [];
    for (const [index, change] of changes.slice(begin, end).entries()) {
      const standsForSeveral = sinceOf(change) < from.sequence;
      if (standsForSeveral) from = foldUpTo(base, changes, begin + index + 1, where);
      else applyStored(from, base, change, where);
      records.push(recordOf(from, base));
    }
    yield* records.reverse();
  }
  yield base;
}

/** A fold, and where it has come to. */
interface ChainFold {
  readonly fold: Fold;
  sequence: number;
  steps: number;
  /** The change that was folded last. */
  last: StoredChange | undefined;
}

function foldUpTo(
  base: CheckpointRecord,
  changes: readonly StoredChange[],
  end: number,
  where: string,
): ChainFold {
  const { sequence, steps } = base;
  const chain: ChainFold = { fold: startFold(base), sequence, steps, last: undefined };
  for (const change of leadingTo(changes, end)) applyStored(chain, base, change, where);
  return chain;
}

/**
 * The changes that lead to the one before `end`, with it, oldest first: without those that another one
 * stands for. What is out of order is left in, for folding to refuse it.
 */
function leadingTo(changes: readonly StoredChange[], end: number): readonly StoredChange[] {
  const leading: StoredChange[] = [];
  let [wanted, above] = [Infinity, Infinity];
  for (const change of changes.slice(0, end).reverse()) {
    const { sequence } = change;
    const isStoodFor = sequence > wanted && sequence < above;
    above = sequence;
    if (isStoodFor) continue;
    leading.push(change);
    wanted = sinceOf(change);
  }
  return leading.reverse();
}

function applyStored(
  chain: ChainFold,
  base: CheckpointRecord,
  change: StoredChange,
  where: string,
): void {
  const since = sinceOf(change);
  if (since !== chain.sequence || change.writer !== writerMark(base.writer)) {
    throw new TypeError(
      `Cannot read ${where}: checkpoint ${change.sequence} is a change of checkpoint ${since}, ` +
        `and what is stored before it is checkpoint ${chain.sequence}`,
    );
  }
  chain.sequence = change.sequence;
  chain.steps = change.steps ?? chain.steps + 1;
  chain.last = change;
  chain.fold.apply(effectOf(change));
}

/** The record that a fold has come to: of a long chain only the last one needs a head. */
function recordOf({ fold, steps, last }: ChainFold, base: CheckpointRecord): CheckpointRecord {
  if (last === undefined) return fold.record(base);
  const { version, pipelineName, pipelineVersion, runId, writer, leaseMs } = base;
  const { status = "running" } = last;
  return fold.record({
    version,
    pipelineName,
    pipelineVersion,
    runId,
    sequence: last.sequence,
    nodeId: last.node_id,
    status,
    paused: last.paused ?? status === "paused",
    pauseReason: last.pause_reason,
    pendingEdges: last.pending_edges ?? [],
    steps,
    failures: last.failures ?? [],
    attempts: last.attempts,
    resume: last.resume,
    writer,
    savedAt: savedAtOf(last, base.savedAt),
    leaseMs,
    recoveries: last.recoveries,
  });
}
