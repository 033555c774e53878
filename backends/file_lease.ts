/**
 * When a run's worker was last heard of, by the file system's own clock: hosts that share a folder
 * may have others.
 *
 * @module
 */

import type { CheckpointRecord } from "../pipeline/checkpoint_record.ts";
import { headPath } from "./file_heads.ts";
import { checkpointName, childOf, LATEST, LEASE } from "./file_names.ts";
import type { RunFolder } from "./file_stored.ts";
import { readIfThere, removeIfThere } from "./file_system.ts";

/** A file beside the folders of the pipelines that is written to see the file system's clock. */
const CLOCK = ".clock";
const TICK = new TextEncoder().encode("\n");

/**
 * Notes that the worker of a run is alive; whether its folder is still there. Lists find the run's latest
 * checkpoint by its name no more: then they would not look for this.
 */
export function noteAlive(folder: RunFolder, writer: string): boolean {
  removeIfThere(childOf(folder.path, LATEST));
  try {
    Deno.writeTextFileSync(childOf(folder.path, LEASE), writer);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Removes what `noteAlive` left. */
export function dropLease(path: string): void {
  removeIfThere(childOf(path, LEASE));
}

/** Removes what `noteAlive` left of one writer. */
export function dropLeaseOf({ path }: RunFolder, writer: string): void {
  if (readIfThere(childOf(path, LEASE)) === writer) dropLease(path);
}

/** Milliseconds from the latest checkpoint of a run, or what was heard of its worker since, to now. */
export async function idleMsOf(
  folder: RunFolder,
  latest: Pick<CheckpointRecord, "sequence" | "nodeId">,
  now: number,
): Promise<number | undefined> {
  const saved = writtenAt(headPath(folder, latest.sequence)) ??
    writtenAt(childOf(folder.path, await checkpointName(latest)));
  return idleMsSince(saved, folder, now);
}

/**
 * The same where it is known when the latest checkpoint was written.
 *
 * @param hasLease Whether something was heard since, as far as that is known.
 */
export function idleMsSince(
  saved: number | undefined,
  folder: RunFolder,
  now: number,
  hasLease = true,
): number | undefined {
  const touched = hasLease ? writtenAt(childOf(folder.path, LEASE)) : undefined;
  const heardAt = Math.max(saved ?? -Infinity, touched ?? -Infinity);
  return heardAt === -Infinity ? undefined : now - heardAt;
}

/**
 * The time that a file gets that is written now; the host's own where no file may be written. The
 * file stays, one for all runs: one that is made and removed would be left by whoever dies between.
 */
export function clockOf(root: string): number {
  const clock = childOf(root, CLOCK);
  try {
    writeTick(clock);
    return writtenAt(clock) ?? Date.now();
  } catch {
    return Date.now();
  }
}

/** Writes over what is there: ext4 sends what was truncated to the disk when it is closed. */
function writeTick(clock: string): void {
  using file = Deno.openSync(clock, { write: true, create: true });
  file.writeSync(TICK);
}

function writtenAt(path: string): number | undefined {
  try {
    return Deno.statSync(path).mtime?.getTime();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
