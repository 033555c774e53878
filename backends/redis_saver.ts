/**
 * Which way a checkpoint is saved, by what this process saved of its run last.
 *
 * @module
 */

import { makeChainRule } from "../pipeline/chain.ts";
import type { CheckpointChange, CheckpointRecord } from "../pipeline/checkpoint_record.ts";
import { CheckpointConflictError } from "../pipeline/checkpointer.ts";
import { recordToText } from "../pipeline/record.ts";
import { type Known, makeKnownRuns } from "./redis_latest.ts";
import { adopt } from "./redis_old_records.ts";
import {
  saveChange,
  saveNext,
  saveWhole,
  type Saving,
  type WholeCheckpoint,
} from "./redis_saves.ts";

/**
 * Memory has room for a whole checkpoint now and then, and who loads waits for every change. To write
 * a change takes the server longer than a short text: it has more keys to keep alive.
 */
const CHAINS = makeChainRule({
  small: 2_048,
  mostRead: 1.5,
  longest: 192,
  wholePerChange: 250,
});

/** What saves the checkpoints of one instance. */
export interface Saver {
  /**
   * Saves a checkpoint: whole, or as a change where that is much less.
   *
   * @throws {CheckpointConflictError} If another one is stored.
   */
  save(
    saving: Saving,
    record: CheckpointRecord,
    change: CheckpointChange | undefined,
  ): Promise<void>;
  /** Forgets a run, by the key of its index. */
  forget(index: string): void;
}

/** Begins with no run known. */
export function makeSaver(): Saver {
  const knownRuns = makeKnownRuns();
  return {
    async save(saving, record, change) {
      const { index } = saving.place.keys;
      const known = knownRuns.take(index, record, change);
      const saved = known && await saveUpon(saving, known, record, change);
      // Where the quick way is refused, the other one tells why.
      knownRuns.note(index, saved ?? await saveAnyhow(saving, record, change));
    },
    forget: (index) => knownRuns.forget(index),
  };
}

/** Saves upon what was saved here last; `undefined` where that is not the latest any more. */
function saveUpon(
  saving: Saving,
  known: Known,
  record: CheckpointRecord,
  change: CheckpointChange | undefined,
): Promise<Known | undefined> {
  const planned = CHAINS.plan(known.chain, record, change);
  return planned === undefined
    ? saveNext(saving, toWhole(record, change), known)
    : saveChange(saving, record, planned, known);
}

/** Saves whatever there is of the run. */
async function saveAnyhow(
  saving: Saving,
  record: CheckpointRecord,
  change: CheckpointChange | undefined,
): Promise<Known> {
  const whole = toWhole(record, change);
  let saved = await saveWhole(saving, whole, "");
  if (saved === "unknown") {
    await adopt(saving.run, saving.place, saving.ttl);
    saved = await saveWhole(saving, whole, "anew");
  }
  if (saved === "conflict" || saved === "unknown") throw new CheckpointConflictError(record);
  return saved;
}

function toWhole(record: CheckpointRecord, change: CheckpointChange | undefined): WholeCheckpoint {
  const text = recordToText(record);
  return { record, text, change, chain: CHAINS.begin(record, text.length) };
}
