/**
 * Measures one peer, once.
 *
 * @module
 */

import { query } from "../../tests/servers/database.ts";
import { type Figures, medianOf } from "./figures.ts";
import { noise, type Peer } from "./peer.ts";
import type { Sizes } from "./sizes.ts";

/** So many runs side by side make up the other runs of the store. */
const FILLING = 50;

/** So long runs without a store go on before they are measured. */
const WARM_UP_MS = 300;

/** How often a run without a store is measured: it is over in no time. */
const NO_OP_RUNS = 7;

/** Runs every workload that the peer has. The runs of one leave their rows to the next. */
export async function measure(peer: Peer, dsn: string, sizes: Sizes): Promise<Figures> {
  return {
    ...await measureEngine(peer, sizes),
    ...await measureAppending(peer, dsn, sizes),
    ...await measureCarrying(peer, dsn, sizes),
    ...await measureFanOut(peer, sizes),
    ...await measureManyAtOnce(peer, sizes),
    ...await measureResume(peer, sizes),
  };
}

async function measureEngine(peer: Peer, { noOpSteps }: Sizes): Promise<Figures> {
  if (peer.withoutStore === undefined) return {};
  const run = () => timed(() => peer.withoutStore?.(noOpSteps));
  for (let spent = 0; spent < WARM_UP_MS;) spent += await run();
  const times: number[] = [];
  while (times.length < NO_OP_RUNS) times.push(await run());
  return { engineUs: medianOf(times) * 1_000 / noOpSteps };
}

async function measureAppending(
  peer: Peer,
  dsn: string,
  { appendingSteps }: Sizes,
): Promise<Figures> {
  if (peer.appending === undefined) return {};
  const before = await packedBytes(dsn);
  const ms = await timed(() => peer.appending?.(appendingSteps));
  const bytes = await storedBytes(dsn) - before;
  return { appendingMs: ms / appendingSteps, appendingBytes: bytes / appendingSteps };
}

async function measureCarrying(
  peer: Peer,
  dsn: string,
  { carryingSteps, carriedBytes }: Sizes,
): Promise<Figures> {
  if (peer.carrying === undefined) return {};
  const text = noise(carriedBytes);
  const before = await packedBytes(dsn);
  const ms = await timed(() => peer.carrying?.(text, carryingSteps));
  const bytes = await storedBytes(dsn) - before;
  return { carryingMs: ms / carryingSteps, carryingBytes: bytes / carryingSteps };
}

async function measureFanOut(peer: Peer, { workers }: Sizes): Promise<Figures> {
  if (peer.fanOut === undefined) return {};
  return { fanOutMs: await timed(() => peer.fanOut?.(workers)) / workers };
}

async function measureManyAtOnce(peer: Peer, sizes: Sizes): Promise<Figures> {
  if (peer.short === undefined) return {};
  const { fewRuns, manyRuns, shortSteps } = sizes;
  const rate = async (runs: number) => {
    const ms = await timed(() => sideBySide(peer, runs, shortSteps));
    return runs * shortSteps / ms * 1_000;
  };
  return { fewRunsPerSecond: await rate(fewRuns), manyRunsPerSecond: await rate(manyRuns) };
}

async function measureResume(peer: Peer, sizes: Sizes): Promise<Figures> {
  if (peer.stopped === undefined) return {};
  const { appendingSteps, otherRuns, otherSteps, resumes } = sizes;
  for (let left = otherRuns; left > 0; left -= FILLING) {
    await sideBySide(peer, Math.min(left, FILLING), otherSteps);
  }
  const resume = await peer.stopped(appendingSteps);
  await resume(); // the first finds nothing compiled
  const times: number[] = [];
  while (times.length < resumes) times.push(await resume());
  return { resumeMs: medianOf(times) };
}

async function sideBySide(peer: Peer, runs: number, steps: number): Promise<void> {
  await Promise.all(Array.from({ length: runs }, () => peer.short?.(steps)));
}

async function timed(work: () => Promise<void> | undefined): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** What all tables of the database take on the disk, with their indexes and what is kept beside. */
async function storedBytes(dsn: string): Promise<number> {
  const [row] = await query(
    dsn,
    `SELECT sum(pg_total_relation_size(c.oid))::float8 AS bytes FROM pg_class c
     JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')`,
  );
  return Number(row?.bytes ?? 0);
}

/** The same, when all room is given back that what ran before has left in them. */
async function packedBytes(dsn: string): Promise<number> {
  await query(dsn, "VACUUM FULL");
  await query(dsn, "VACUUM"); // makes the maps of free space that come with every table
  return await storedBytes(dsn);
}
