/**
 * Reading runs: the newest good checkpoint, all of them, or no more than a list tells.
 *
 * @module
 */

import type { CheckpointRecord } from "../pipeline/checkpoint_record.ts";
import type { RunSummary } from "../pipeline/checkpointer.ts";
import { summarize, type Summarized } from "../pipeline/record.ts";
import { foldHistory, foldLatest } from "../pipeline/stored_chain.ts";
import { chainsIn } from "./file_chains.ts";
import { isNamed, publish } from "./file_heads.ts";
import { idleMsOf, idleMsSince } from "./file_lease.ts";
import { childOf } from "./file_names.ts";
import {
  candidatesIn,
  readLatest,
  readTimedFile,
  type RunFolder,
  type StoredFile,
  type TimedFile,
} from "./file_stored.ts";
import { type FolderListing, listFolder } from "./file_system.ts";

/** The newest good checkpoint. If its save died before it got its name, it gets it now. */
export async function latestIn(folder: RunFolder): Promise<CheckpointRecord | undefined> {
  const listing = listFolder(folder.path);
  for await (const { newest, base, changes } of chainsIn(folder, candidatesIn(listing))) {
    if (newest.isHead) await publishUpTo(folder, listing, newest.sequence);
    return foldLatest(base, changes, childOf(folder.path, newest.name));
  }
}

/** Gives heads the names that they still lack, oldest first: who has one hides those below. */
async function publishUpTo(
  folder: RunFolder,
  listing: FolderListing,
  latest: number,
): Promise<void> {
  const newest = listing.checkpoints[0]?.sequence ?? -1;
  for (const sequence of listing.heads.toReversed()) {
    if (sequence < newest || sequence > latest) continue;
    if (isNamed(folder, sequence, listing) === false) await publish(folder, sequence);
  }
}

/** Every good checkpoint, newest first. */
export async function* historyIn(folder: RunFolder): AsyncIterable<CheckpointRecord> {
  const candidates = candidatesIn(listFolder(folder.path));
  let last = Infinity;
  for await (const { newest, base, changes } of chainsIn(folder, candidates)) {
    for (const record of foldHistory(base, changes, childOf(folder.path, newest.name))) {
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
export function summaryIn(
  folder: RunFolder,
  clock: () => number,
): RunSummary | undefined | Promise<RunSummary | undefined> {
  const told = ({ file, writtenAt }: TimedFile, hasLease: boolean) => {
    const summary = summaryOf(folder, file);
    return summary && summarize(summary, idleMsSince(writtenAt, folder, clock(), hasLease));
  };
  const latest = readLatest(folder);
  if (latest !== undefined) return told(latest, false) ?? foldedSummaryIn(folder, clock);
  const listing = listFolder(folder.path);
  for (const candidate of candidatesIn(listing)) {
    const timed = readTimedFile(folder, candidate);
    if (timed === undefined) continue;
    return told(timed, listing.hasLease) ?? foldedSummaryIn(folder, clock);
  }
  return foldedSummaryIn(folder, clock);
}

/** The same where the latest file alone does not tell it. */
async function foldedSummaryIn(
  folder: RunFolder,
  clock: () => number,
): Promise<RunSummary | undefined> {
  const latest = await latestIn(folder);
  if (latest === undefined) return undefined;
  return summarize(latest, await idleMsOf(folder, latest, clock()));
}

/** What a file tells of the run whose latest one it is, if that is enough. */
function summaryOf({ pipelineName, runId }: RunFolder, file: StoredFile): Summarized | undefined {
  if (file.whole !== undefined) return file.whole;
  const { sequence, node_id, status = "running", saved_at, pending_edges = [] } = file.change;
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
