/**
 * What the tests assert about records and saves.
 *
 * @module
 */

import { assert, assertEquals, assertInstanceOf, assertRejects, fail } from "@std/assert";
import {
  type CheckpointChange,
  CheckpointConflictError,
  type Checkpointer,
  type CheckpointRecord,
  type LoadedRecord,
} from "../../mod.ts";

/** Asserts that a whole record came back: equal up to the order of keys. */
export function assertRecord(
  actual: LoadedRecord | undefined,
  expected: LoadedRecord,
): void {
  const [found, wanted] = [actual, expected].map((record) =>
    textOf(record && { ...record, idleMs: undefined })
  );
  assert(found !== undefined && wanted !== undefined);
  if (found === wanted) return;
  let at = 0;
  while (found[at] === wanted[at]) at++;
  // A whole record may be a megabyte.
  const around = (text: string) => text.slice(Math.max(0, at - 100), at + 100);
  fail(`The record differs: expected\n${around(wanted)}\nbut found\n${around(found)}`);
}

/** Asserts that a run's stored past is exactly this, newest first, and so its latest record. */
export async function assertStored(
  checkpointer: Checkpointer,
  newestFirst: readonly [CheckpointRecord, ...CheckpointRecord[]],
): Promise<void> {
  const [latest] = newestFirst;
  const { pipelineName, runId } = latest;
  assertRecord(await checkpointer.loadLatest(pipelineName, runId), latest);
  const history = await Array.fromAsync(checkpointer.history(pipelineName, runId));
  assertEquals(sequences(history), sequences(newestFirst));
  for (const [index, record] of newestFirst.entries()) assertRecord(history[index], record);
}

/** The sequences of records. */
export function sequences(records: readonly CheckpointRecord[]): readonly number[] {
  return records.map(({ sequence }) => sequence);
}

/** Asserts that a save is refused, with an error that names what could not be saved. */
export async function assertRefused(
  checkpointer: Checkpointer,
  record: CheckpointRecord,
  change?: CheckpointChange,
): Promise<void> {
  const error = await assertRejects(
    () => checkpointer.save(record, change),
    CheckpointConflictError,
  );
  assertConflict(error, record);
}

/** Asserts that an error is the conflict about this record. */
export function assertConflict(error: unknown, record: CheckpointRecord): void {
  assertInstanceOf(error, CheckpointConflictError);
  assertEquals(error.pipelineName, record.pipelineName);
  assertEquals(error.runId, record.runId);
  assertEquals(error.sequence, record.sequence);
}

/**
 * Saves records all at once, over the given instances in turn; comes back with those that were
 * saved, after asserting that each other one was refused as a conflict.
 */
export async function saveAtOnce(
  checkpointers: readonly [Checkpointer, ...Checkpointer[]],
  records: readonly CheckpointRecord[],
): Promise<readonly CheckpointRecord[]> {
  const outcomes = await Promise.allSettled(records.map((record, index) => {
    const checkpointer = checkpointers[index % checkpointers.length] ?? checkpointers[0];
    return checkpointer.save(record);
  }));
  return records.filter((record, index) => {
    const outcome = outcomes[index];
    if (outcome?.status === "rejected") assertConflict(outcome.reason, record);
    return outcome?.status === "fulfilled";
  });
}

/** JSON with sorted keys, as a store may sort them; an absent field is as good as `undefined`. */
function textOf(value: unknown): string {
  const text: string | undefined = JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
    const entries = Object.entries(part);
    return Object.fromEntries(entries.sort(([one], [other]) => one < other ? -1 : 1));
  });
  return text ?? "nothing";
}
