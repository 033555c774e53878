/**
 * Leases: how runs that are being worked on are told from those whose worker is dead.
 *
 * @module
 */

import type { CheckpointConflictError, LoadedRecord } from "./checkpointer.ts";
import { atMost } from "./patience.ts";
import type { Recorder } from "./recorder.ts";

/** How often a worker is heard of while its lease lasts. */
const BEATS = 3;

/**
 * Does a call's work while its worker is heard of at every third of the lease. A store that cannot
 * be reached is no reason to stop: the next save decides. One that does not answer in time keeps
 * nobody waiting, and is asked again after ever more thirds: what it has not come to yet would
 * otherwise grow without end, and the run's own saves wait behind it.
 *
 * @param onLost Is told when another worker has the run.
 */
export async function keepingLease<T>(
  recorder: Recorder,
  onLost: (conflict: CheckpointConflictError) => void,
  work: () => Promise<T>,
): Promise<T> {
  const { leaseMs } = recorder;
  if (leaseMs === undefined) return await work();
  const beatMs = leaseMs / BEATS;
  let beating: Promise<void> | undefined;
  let [silentBeats, told] = [0, 0];
  const tell = async () => {
    const nth = ++told;
    try {
      const lost = await recorder.touch();
      if (lost !== undefined) onLost(lost);
    } catch {
      // It answered; the next save decides.
    }
    // It may still be busy with those that it was told later.
    if (nth === told) silentBeats = 0;
  };
  const timer = setInterval(() => {
    if (!recorder.isQuiet()) return;
    silentBeats++;
    if (Number.isInteger(Math.log2(silentBeats))) beating = atMost(tell(), beatMs);
  }, beatMs);
  try {
    return await work();
  } catch (error) {
    noteEnd(recorder.writer);
    throw error;
  } finally {
    clearInterval(timer);
    await beating;
  }
}

/** Writers of this process whose calls threw last: their leases mean nothing any more. */
const endedHere = new Set<string>();

/** Of so many writers it is known. */
const ENDED_KNOWN = 10_000;

function noteEnd(writer: string): void {
  endedHere.add(writer);
  if (endedHere.size <= ENDED_KNOWN) return;
  for (const oldest of endedHere) return void endedHere.delete(oldest);
}

/**
 * Whether a run's worker is to be taken for alive. To be heard of in the future says as little as
 * long ago: the store's clock was set back.
 */
export function isAlive(
  { status, writer, leaseMs, idleMs }: Pick<
    LoadedRecord,
    "status" | "writer" | "leaseMs" | "idleMs"
  >,
): boolean {
  if (status !== "running" || leaseMs === undefined || idleMs === undefined) return false;
  return Math.abs(idleMs) < leaseMs && !endedHere.has(writer);
}
