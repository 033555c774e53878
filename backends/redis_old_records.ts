/**
 * What the Firefly agentic framework in Python left behind: records under the same keys, but no
 * index of ours, and names that are not encoded. Only where our index knows nothing of a run are
 * they searched for.
 *
 * @module
 */

import type { CheckpointRecord } from "../pipeline/checkpoint_record.ts";
import { recordFromText, recordToText } from "../pipeline/record.ts";
import type { PipelineKeys, RunPlace } from "./redis_keys.ts";
import { encodeName, entryOf } from "./redis_names.ts";
import { ADOPT, READ, REMOVE, SCORE, SEARCH } from "./redis_old_lua.ts";
import { type Keys, type RunScript, textOf, textsOf } from "./redis_script.ts";
import { summaryOf } from "./redis_summary.ts";

/** A key that may be that of a run's checkpoint. */
export interface Candidate {
  /** The key. */
  readonly key: string;
  /** The sequence that it tells. */
  readonly sequence: number;
}

/** A checkpoint, and where it is stored. */
export interface Found {
  /** The key. */
  readonly key: string;
  /** What is stored there. */
  readonly record: CheckpointRecord;
}

/** Whose records are wanted. */
type RunName = Pick<CheckpointRecord, "pipelineName" | "runId">;

/** Keys that one step of a search looks at. */
const SCAN_COUNT = "1000";

/** Keys that are read or removed at a time. */
const PAGE = 100;

/** The records of the Python framework that a run has, newest first. */
export async function* oldRecordsOf(run: RunScript, place: RunPlace): AsyncIterable<Found> {
  const { raw, runId } = place;
  const candidates = await candidatesOf(run, place);
  if (candidates.length === 0) return;
  const score = textOf(await run(SCORE, [raw.runs], [runId]));
  yield* readOld(run, place, candidates, score);
}

/**
 * The records among the candidates that are of the Python framework and of this run, newest first.
 * Ours are of no use without their index: that went because the run had expired.
 *
 * @param score Time of the last save in seconds, where it is known.
 */
export async function* readOld(
  run: RunScript,
  name: RunName,
  candidates: readonly Candidate[],
  score = "0",
): AsyncIterable<Found> {
  const savedAt = new Date(Number(score) * 1_000).toISOString();
  let last: number | undefined;
  for await (const found of readNewestFirst(run, name, candidates, savedAt)) {
    if (found.record.version !== 0 || found.record.sequence === last) continue;
    last = found.record.sequence;
    yield found;
  }
}

/** Makes a run of ours of the records of the Python framework, newest first, where there are any. */
export async function adopt(run: RunScript, place: RunPlace, ttl: string): Promise<void> {
  const found = await Array.fromAsync(oldRecordsOf(run, place));
  const [latest] = found;
  if (latest === undefined) return;
  const { keys, raw } = place;
  const moves = await Promise.all(found.map(async ({ key, record: { sequence, nodeId } }) => {
    const entry = entryOf(sequence, await encodeName(nodeId));
    return { keys: [key, `${keys.run}:${entry}`], args: [String(sequence), entry] };
  }));
  await run(
    ADOPT,
    [keys.index, keys.runs, keys.expiring, raw.runs, ...moves.flatMap((it) => it.keys)],
    [
      ...[
        keys.member,
        raw.member,
        ttl,
        latest.record.status,
        summaryOf(latest.record, recordToText(latest.record)),
      ],
      ...moves.flatMap((it) => it.args),
    ],
  );
}

/** Removes all checkpoints of a run that no index leads to. */
export async function removeUnknown(run: RunScript, place: RunPlace): Promise<void> {
  const candidates = await candidatesOf(run, place);
  const found = await Array.fromAsync(readNewestFirst(run, place, candidates, ""));
  for (let done = 0; done < found.length; done += PAGE) {
    const page = found.slice(done, done + PAGE);
    const keys = page.flatMap(({ key, record: { sequence } }) => [
      key,
      `${place.keys.run}:changes:${sequence}`,
    ]);
    await run(REMOVE, [place.keys.index, ...keys], []);
  }
}

/** The keys of a pipeline that may be those of checkpoints, by the id of the run. */
export async function searchPipeline(
  run: RunScript,
  { base }: PipelineKeys,
): Promise<ReadonlyMap<string, readonly Candidate[]>> {
  const byRun = new Map<string, Candidate[]>();
  for (const rest of await search(run, base, "*")) {
    // Where names may hold anything, only the record itself tells which part is which.
    for (const { index, 1: digits } of rest.matchAll(/:(\d{6,16})_/g)) {
      const runId = rest.slice(0, index);
      const candidates = byRun.get(runId) ?? [];
      candidates.push({ key: `${base}:${rest}`, sequence: Number(digits) });
      byRun.set(runId, candidates);
    }
  }
  return byRun;
}

async function candidatesOf(run: RunScript, { keys, raw }: RunPlace): Promise<Candidate[]> {
  const candidates: Candidate[] = [];
  for (const base of new Set([raw.run, keys.run])) {
    for (const rest of await search(run, base, "[0-9]*")) {
      const digits = /^(\d{6,16})_/.exec(rest)?.[1];
      if (digits !== undefined) {
        candidates.push({ key: `${base}:${rest}`, sequence: Number(digits) });
      }
    }
  }
  return candidates;
}

/** What follows a colon after the base in all keys that match. */
async function search(run: RunScript, base: string, pattern: string): Promise<Set<string>> {
  const found = new Set<string>();
  let cursor = "0";
  do {
    const [next = "0", ...page] = textsOf(await run(SEARCH, [base], [cursor, pattern, SCAN_COUNT]));
    for (const rest of page) if (rest !== undefined) found.add(rest);
    cursor = next;
  } while (cursor !== "0");
  return found;
}

async function* readNewestFirst(
  run: RunScript,
  name: RunName,
  candidates: readonly Candidate[],
  savedAt: string,
): AsyncIterable<Found> {
  const newestFirst = candidates.toSorted((one, other) => other.sequence - one.sequence);
  for (let done = 0; done < newestFirst.length; done += PAGE) {
    const [first, ...more] = newestFirst.slice(done, done + PAGE).map(({ key }) => key);
    if (first === undefined) return;
    const keys: Keys = [first, ...more];
    const texts = textsOf(await run(READ, keys, []));
    for (const [index, key] of keys.entries()) {
      const record = recordOf(texts[index], name, savedAt);
      if (record !== undefined) yield { key, record };
    }
  }
}

/** The record of a text, where it is one and the run's. */
function recordOf(
  text: string | undefined,
  { pipelineName, runId }: RunName,
  savedAt: string,
): CheckpointRecord | undefined {
  if (text === undefined) return undefined;
  try {
    const record = recordFromText(text, "a record in Redis", savedAt);
    return record.pipelineName === pipelineName && record.runId === runId ? record : undefined;
  } catch {
    return undefined; // something else under a key that looks like a checkpoint's
  }
}
