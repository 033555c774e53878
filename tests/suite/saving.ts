/**
 * Saving records as the engine does.
 *
 * @module
 */

import type { Checkpointer, CheckpointRecord } from "../../mod.ts";
import { changeBetween } from "../../pipeline/change.ts";

/** Saves a record upon the one before it, with what it changes; comes back with it. */
export async function saveUpon(
  store: Checkpointer,
  last: CheckpointRecord,
  record: CheckpointRecord,
): Promise<CheckpointRecord> {
  await store.save(record, changeBetween(last, record));
  return record;
}
