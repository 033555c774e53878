/**
 * Removing the past of a run.
 *
 * @module
 */

import { chainsIn } from "./file_chains.ts";
import { childOf } from "./file_names.ts";
import { candidatesIn, type RunFolder } from "./file_stored.ts";
import { listFolder, removeIfThere } from "./file_system.ts";

/**
 * Removes the checkpoints below a sequence that neither the latest one nor those above need; how
 * many they were. The oldest go first: whenever it is stopped, what is left can be read.
 */
export async function trimIn(folder: RunFolder, below: number): Promise<number> {
  const listing = listFolder(folder.path);
  let needed: number | undefined;
  // Newest first: the last chain that has a checkpoint to be kept is the oldest one that is needed.
  for await (const { newest, base } of chainsIn(folder, candidatesIn(listing))) {
    if (needed !== undefined && newest.sequence < below) break;
    needed = base.sequence;
    if (base.sequence < below) break;
  }
  if (needed === undefined) return 0;
  const least = needed;
  const old = listing.checkpoints.filter(({ sequence }) => sequence < least);
  for (const { name } of old.toReversed()) removeIfThere(childOf(folder.path, name));
  return new Set(old.map(({ sequence }) => sequence)).size;
}
