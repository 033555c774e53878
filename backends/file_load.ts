/**
 * Reading runs: the newest good checkpoint, all of them, or no more than a list tells.
 *
 * @module
 */

import { join } from "@std/path";
import type { CheckpointRecord, RunSummary } from "../pipeline/checkpointer.ts";
import { summarize, type Summarized } from "../pipeline/record.ts";
import { foldHistory, foldLatest } from "../pipeline/stored_chain.ts";
import { chainsIn } from "./file_chains.ts";
import { headPath, publish } from "./file_heads.ts";
import { idleMsOf } from "./file_lease.ts";
import { candidatesIn, readStored, type RunFolder } from "./file_stored.ts";
import { countNames, type FolderListing, listFolder } from "./file_system.ts";

/** The newest good checkpoint. If its save died before it got its name, it gets it now. */
export async function latestIn(folder: RunFolder): Promise<CheckpointRecord | undefined> {
  const listing = listFolder(folder.path);
  for await (const { newest, base, changes } of chainsIn(folder, candidatesIn(listing))) {
    if (newest.isHead) await publishUpTo(folder, listing, newest.sequence);
    return foldLatest(base, changes, join(folder.path, newest.name));
  }
}

/** Gives heads the names that they still lack, oldest first: who has one hides those below. */
async function publishUpTo(
  folder: RunFolder,
  { heads, checkpoints: [named] }: FolderListing,
  latest: number,
): Promise<void> {
  for (const sequence of heads.toReversed()) {
    const isNamed = sequence < (named?.sequence ?? 0) ||
      (sequence === named?.sequence && countNames(headPath(folder, sequence)) !== 1);
    if (sequence <= latest && !isNamed) await publish(folder, sequence);
  }
}

/** Every good checkpoint, newest first. */
export async function* historyIn(folder: RunFolder): AsyncIterable<CheckpointRecord> {
  const candidates = candidatesIn(listFolder(folder.path));
  let last = Infinity;
  for await (const { newest, base, changes } of chainsIn(folder, candidates)) {
    for (const record of foldHistory(base, changes, join(folder.path, newest.name))) {
      if (record.sequence >= last) continue;
      last = record.sequence;
      yield record;
    }
  }
}

/**
 * What a list tells of the run in a folder. Reads its latest file alone: a change tells all but the
 * names, and the run's is mostly its folder's.
 *
 * @param clock Tells the file system's time.
 */
export async function summaryIn(
  folder: RunFolder,
  clock: () => number,
): Promise<RunSummary | undefined> {
  const listing = listFolder(folder.path);
  const summary = summaryOf(folder, listing) ?? await latestIn(folder);
  if (summary === undefined) return undefined;
  const idleMs = await idleMsOf(folder, summary, clock(), listing.hasLease);
  return summarize({ ...summary, idleMs });
}

/** What the latest file tells of a run, if that is enough. */
function summaryOf(folder: RunFolder, listing: FolderListing): Summarized | undefined {
  for (const candidate of candidatesIn(listing)) {
    const file = readStored(folder, candidate);
    if (file === undefined) continue;
    if (file.whole !== undefined) return file.whole;
    const { sequence, node_id, status = "running", saved_at, pending_edges = [] } = file.change;
    const { pipelineName, runId } = folder;
    if (runId === undefined || saved_at === undefined) return undefined;
    return {
      pipelineName,
      runId,
      sequence,
      nodeId: node_id,
      status,
      savedAt: saved_at,
      pendingEdges: pending_edges,
    };
  }
}
