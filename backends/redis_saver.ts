/**
 * Which way a checkpoint is saved, by what this process saved of its run last.
 *
 * @module
 */

import { makeChains } from "../pipeline/chain.ts";
import type { CheckpointChange, CheckpointRecord } from "../pipeline/checkpoint_record.ts";
import { CheckpointConflictError } from "../pipeline/checkpointer.ts";
import { recordToText } from "../pipeline/record.ts";
import { type Known, makeKnownRuns } from "./redis_latest.ts";
import { adopt } from "./redis_old_records.ts";
import { saveChange, saveNext, saveWhole, type Saving } from "./redis_saves.ts";

/**
 * Memory has room for a whole checkpoint now and then, and who loads waits for every change. To write
 * a change takes the server longer than a short text: it has more keys to keep alive.
 */
const CHAINS = { small: 2_048, mostRead: 1.5, longest: 192, wholePerChange: 250 };

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
  /** Forgets what changes of a run would be upon. */
  forget(pipelineName: string, runId: string): void;
}

/** Begins with no run known. */
export function makeSaver(): Saver {
  const chains = makeChains(CHAINS);
  const knownRuns = makeKnownRuns();

  /** Saves upon what was saved here last; `undefined` where that is not the latest any more. */
  const saveUpon = async (
    saving: Saving,
    known: Known,
    record: CheckpointRecord,
    change: CheckpointChange | undefined,
  ): Promise<Known | undefined> => {
    const planned = chains.plan(record, change);
    if (planned !== undefined) {
      const saved = await saveChange(saving, record, planned, known);
      if (saved !== undefined) chains.savedChange(record, planned);
      return saved;
    }
    const text = recordToText(record);
    const saved = await saveNext(saving, record, text, known);
    if (saved !== undefined) chains.savedWhole(record, text.length);
    return saved;
  };

  /** Saves whatever there is of the run. */
  const saveAnyhow = async (
    saving: Saving,
    record: CheckpointRecord,
    change: CheckpointChange | undefined,
  ): Promise<Known> => {
    const text = recordToText(record);
    const whole = { record, text, change };
    let saved = await saveWhole(saving, whole, "");
    if (saved === "unknown") {
      await adopt(saving.run, saving.place, saving.ttl);
      saved = await saveWhole(saving, whole, "anew");
    }
    if (saved === "conflict" || saved === "unknown") throw new CheckpointConflictError(record);
    chains.savedWhole(record, text.length);
    return saved;
  };

  return {
    async save(saving, record, change) {
      const { index } = saving.place.keys;
      const known = knownRuns.take(index, record, change);
      const saved = known && await saveUpon(saving, known, record, change);
      // Where the quick way is refused, the other one tells why.
      knownRuns.note(index, saved ?? await saveAnyhow(saving, record, change));
    },
    forget: (pipelineName, runId) => chains.forget(pipelineName, runId),
  };
}
