/**
 * Listing the runs of a pipeline, page by page, without reading their states.
 *
 * @module
 */

import type { RunStatus } from "../pipeline/checkpoint_record.ts";
import type { RunSummary } from "../pipeline/checkpointer.ts";
import { summarize } from "../pipeline/record.ts";
import { makeNewerRuns, type NewerRuns } from "../pipeline/newer_runs.ts";
import type { PipelineKeys, PipelinePlace } from "./redis_keys.ts";
import { isStanding } from "./redis_lua_helpers.ts";
import { decodeName, encodeName } from "./redis_names.ts";
import { type Candidate, readOld, searchPipeline } from "./redis_old_records.ts";
import { LIST } from "./redis_read_lua.ts";
import { FORGET } from "./redis_remove_lua.ts";
import { idleMsAt } from "./redis_records.ts";
import { listOf, type RunScript, textOf, textsOf } from "./redis_script.ts";
import { fromLatest, fromSummary, type ToldSummary } from "./redis_summary.ts";

/** Which runs are listed. */
export interface ListFilter {
  /** Only runs of this status. */
  readonly status?: RunStatus;
  /** At most so many. */
  readonly limit: number;
}

/** Ways to the server. */
export interface Ways {
  /** Asks, and asks again. */
  readonly run: RunScript;
  /** Asks once: for what may as well be left undone. */
  readonly tryOnce: RunScript;
}

/** A run as a page tells it; its text is its standing where there is nothing to tell. */
interface Listed extends ToldSummary {
  readonly member: string;
  readonly score: string;
}

/** Runs that are looked at in one round trip. */
const PAGE = 200;

/** The first looks at all runs, the others at those that were saved meanwhile. */
const PASSES = 3;

/** Yields the runs of a pipeline, the one saved last first, each once. */
export async function* listRuns(
  ways: Ways,
  place: PipelinePlace,
  { status, limit }: ListFilter,
): AsyncIterable<RunSummary> {
  const newer = makeNewerRuns();
  const listing: Listing = { ways, place, status, newer };
  const yielded = new Set<string>();
  const { keys, raw } = place;
  for (const source of keys.base === raw.base ? [keys] : [keys, raw]) {
    for await (const summary of runsIn(listing, source)) {
      if (yielded.size >= limit) return;
      if (yielded.has(summary.runId)) continue;
      yielded.add(summary.runId);
      yield summary;
    }
  }
  newer.tell();
}

interface Listing {
  readonly ways: Ways;
  readonly place: PipelinePlace;
  readonly status?: RunStatus;
  /** What could not be read. */
  readonly newer: NewerRuns;
  /** What the Python framework left of the pipeline, searched for when it is first missed. */
  old?: Promise<ReadonlyMap<string, readonly Candidate[]>>;
}

/** The runs in one sorted set; some more than once. */
async function* runsIn(listing: Listing, source: PipelineKeys): AsyncIterable<RunSummary> {
  let lowest = "-inf";
  for (let pass = 0; pass < PASSES; pass++) {
    let top = "";
    for await (const page of pagesOf(listing, source, lowest)) {
      top ||= page.first;
      yield* await summariesOf(listing, source, listedIn(page));
    }
    if (top === "") return;
    lowest = `(${top}`;
  }
}

interface Page {
  /** Runs that were looked at. */
  readonly count: number;
  /** The highest score of them; empty where there are none. */
  readonly first: string;
  /** The lowest one. */
  readonly last: string;
  /** The server's time in seconds since 1970. */
  readonly now: string;
  /** What is told of those that are wanted, each as a text or a list. */
  readonly told: readonly unknown[];
}

/** The pages from the highest score down; the next one is on its way while one is read. */
async function* pagesOf(
  { ways, status }: Listing,
  { runs }: PipelineKeys,
  lowest: string,
): AsyncIterable<Page> {
  const ask = async (highest: string, skipped: number): Promise<Page> => {
    const args = [highest, lowest, String(skipped), String(PAGE), status ?? ""];
    const answer = listOf(await ways.run(LIST, [runs], args));
    const [count, first = "", last = "", now = ""] = textsOf(answer.slice(0, 4));
    return { count: Number(count), first, last, now, told: answer.slice(4) };
  };
  let [highest, skipped] = ["+inf", 0];
  for (let asked: Promise<Page> | undefined = ask(highest, skipped); asked !== undefined;) {
    const page: Page = await asked;
    // Those that were saved in the same microsecond as the last one are looked at again.
    skipped = page.last === highest ? skipped + PAGE : 0;
    highest = page.last;
    asked = page.count < PAGE ? undefined : ask(highest, skipped);
    // Whoever has seen enough does not wait for it.
    asked?.catch(() => {});
    yield page;
  }
}

function listedIn({ now, told }: Page): readonly Listed[] {
  return told.map((run) => {
    const parts = Array.isArray(run) ? textsOf(run) : splitParts(textOf(run) ?? "");
    const [member = "", score = "", heard, text = "", change = ""] = parts;
    return { member, score, idleMs: idleMsAt(now, heard, score), text, change };
  });
}

/** Takes apart what stands in one text: the last part may hold spaces, and no other. */
function splitParts(text: string): readonly string[] {
  const first = text.indexOf(" ");
  const second = text.indexOf(" ", first + 1);
  const third = text.indexOf(" ", second + 1);
  const [member, score] = [text.slice(0, first), text.slice(first + 1, second)];
  return [member, score, text.slice(second + 1, third), text.slice(third + 1)];
}

/** The runs of a page that there are; the others are forgotten. */
async function summariesOf(
  listing: Listing,
  source: PipelineKeys,
  listed: readonly Listed[],
): Promise<readonly RunSummary[]> {
  const { status, newer } = listing;
  const summaries = await Promise.all(
    listed.map((run) => newer.passOver(() => summaryOf(listing, source, run))),
  );
  const gone = listed.filter((_, index) => summaries[index] === undefined)
    .flatMap(({ member, score }) => [member, score]);
  if (gone.length > 0) await forget(listing, source, gone);
  return summaries.filter((summary) => summary !== undefined)
    .filter((summary) => status === undefined || summary.status === status);
}

async function summaryOf(
  listing: Listing,
  source: PipelineKeys,
  { member, score, ...told }: Listed,
): Promise<RunSummary | undefined> {
  const { place: { pipelineName, raw }, ways: { run } } = listing;
  // Known without a checkpoint is a run that lost it: who loads it is told.
  if (told.text === "expired" || told.text === "known") return undefined;
  if (!isStanding(told.text)) {
    const summary = readSummary(listing, source, member, told);
    const isOurs = summary?.pipelineName === pipelineName;
    if (isOurs && await encodeName(summary.runId) === member) return summary;
  }
  // The Python framework's: its members are the ids themselves.
  listing.old ??= searchPipeline(run, raw);
  const candidates = (await listing.old).get(member) ?? [];
  const name = { pipelineName, runId: member };
  for await (const { record } of readOld(run, name, candidates, score)) return summarize(record);
  return undefined;
}

function readSummary(
  { place: { pipelineName, keys } }: Listing,
  source: PipelineKeys,
  member: string,
  told: ToldSummary,
): RunSummary | undefined {
  if (told.text.startsWith("{")) return fromSummary(told);
  // By keys that are not ours, another pipeline's runs may be met.
  const runId = source === keys ? decodeName(member) : undefined;
  return runId === undefined ? undefined : fromLatest({ pipelineName, runId }, told);
}

async function forget(
  { ways: { tryOnce } }: Listing,
  { runs, expiring }: PipelineKeys,
  gone: readonly string[],
): Promise<void> {
  try {
    await tryOnce(FORGET, [runs, expiring], gone);
  } catch {
    // A server that is only read forgets by itself what its primary forgets.
  }
}
