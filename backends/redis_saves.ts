/**
 * Saving one checkpoint: whole, or as a change of the one before; and quickly where that is what this
 * process saved last.
 *
 * @module
 */

import type { Chain, PlannedChange } from "../pipeline/chain.ts";
import type { CheckpointChange, CheckpointRecord } from "../pipeline/checkpoint_record.ts";
import type { RunPlace } from "./redis_keys.ts";
import { type Known, type Latest, latestText, toldText, writerText } from "./redis_latest.ts";
import { SAVE } from "./redis_lua.ts";
import { decodeName, encodeName, entryOf } from "./redis_names.ts";
import { CHANGE, NEXT, SAVED } from "./redis_next_lua.ts";
import { type RunScript, textOf } from "./redis_script.ts";
import { summaryOf } from "./redis_summary.ts";
import type { RunShared } from "./redis_together.ts";

/** How checkpoints are saved. */
export interface Saving {
  /** Runs the scripts. */
  readonly run: RunScript;
  /** Runs those that save upon what is known, several at once where several wait. */
  readonly runShared: RunShared;
  /** Where the run is kept. */
  readonly place: RunPlace;
  /** Time to live in milliseconds; empty for ever. */
  readonly ttl: string;
}

/** A checkpoint to be saved whole. */
export interface WholeCheckpoint {
  /** The record. */
  readonly record: CheckpointRecord;
  /** The record as text. */
  readonly text: string;
  /** What it changes, if that is known. */
  readonly change: Pick<CheckpointChange, "since" | "sinceWriter"> | undefined;
  /** The chain that it begins, if changes may follow it. */
  readonly chain: Chain | undefined;
}

/** What came of a save: what is known from now on, or why it was not made. */
export type Saved = Known | "conflict" | "unknown";

/** Of so many sequences, one is saved in the way that also tidies up the index. */
const TIDIED = 128;

/**
 * Saves a whole checkpoint. It is a `conflict` where another one is stored, and `unknown` where an older
 * store has to be searched first.
 *
 * @param anew Whether that search was made.
 */
export async function saveWhole(
  { run, place, ttl }: Saving,
  { record, text, change, chain }: WholeCheckpoint,
  anew: "anew" | "",
): Promise<Saved> {
  const { keys, raw } = place;
  const latest = latestOf(place, record, ttl, await entryFor(record));
  const { sequence, status, entry, told } = latest;
  const writer = writerText(record.writer);
  const upon = change === undefined || change.since < 0 ? "" : writerText(change.sinceWriter);
  const summary = summaryOf(record, text);
  const answer = textOf(
    await run(
      SAVE,
      [keys.index, `${keys.run}:${entry}`, keys.runs, ...keys.run === raw.run ? [] : [raw.runs]],
      [String(sequence), writer, status, ttl, text, upon, summary, anew, raw.member, told],
    ),
  );
  if (answer === "conflict" || answer === "unknown") return answer;
  const hasSummary = summary !== "";
  return { latest, text: latestText(latest), hasSummary, hasChanged: false, chain };
}

/**
 * Saves a whole checkpoint upon the one that is known; comes back with what is known from now on, or
 * with nothing where it was not saved, or is to be saved in the other way.
 */
export async function saveNext(
  { runShared, place, ttl }: Saving,
  { record, text, chain }: WholeCheckpoint,
  known: Known,
): Promise<Known | undefined> {
  const { latest: last } = known;
  const endsChain = last.sequence !== last.base;
  if (endsChain || record.sequence % TIDIED === 0) return undefined;
  const { keys } = place;
  const entry = entryFor(record);
  const latest = latestOf(place, record, ttl, typeof entry === "string" ? entry : await entry);
  const summary = summaryOf(record, text);
  const sequence = `${latest.sequence}`;
  const latestIs = latestText(latest);
  const args = [known.text, latestIs, text, latest.ttl, keys.member, sequence, latest.entry];
  if (latest.sequence > last.sequence + 1) {
    const before = `${last.sequence}`;
    args.push(`>${before}`, sequence, `<${sequence}`, before);
  }
  const hasSummary = summary !== "";
  if (hasSummary || known.hasSummary) args.push("summary", summary);
  const target = [keys.index, `${keys.run}:${latest.entry}`, keys.runs] as const;
  const answer = await runShared(NEXT, target, args);
  if (Number(answer) !== SAVED) return undefined;
  return { latest, text: latestIs, hasSummary, hasChanged: false, chain };
}

/** Saves a checkpoint as a change of the one that is known; comes back as {@linkcode saveNext} does. */
export async function saveChange(
  { runShared, place, ttl }: Saving,
  record: CheckpointRecord,
  { base, count, text, next: chain }: PlannedChange,
  known: Known,
): Promise<Known | undefined> {
  const { entry } = known.latest;
  if (known.latest.base !== base) return undefined;
  const { keys } = place;
  const latest = { ...latestOf(place, record, ttl, entry), base };
  const summary = summaryOf(record, text);
  const fields: string[] = [];
  if (count === 1) fields.push(`+${base}`, "open");
  if (summary !== "" || known.hasChanged) fields.push("changed", summary);
  const next = {
    latest,
    text: latestText(latest),
    hasSummary: known.hasSummary,
    hasChanged: summary !== "",
    chain,
  };
  const answer = await runShared(
    CHANGE,
    [keys.index, `${keys.run}:${entry}`, keys.runs, `${keys.run}:changes:${base}`],
    [known.text, next.text, text, latest.ttl, keys.member, String(count), ...fields],
  );
  return Number(answer) === SAVED ? next : undefined;
}

function latestOf(
  { keys: { member } }: RunPlace,
  record: CheckpointRecord,
  ttl: string,
  entry: string,
): Latest {
  const { sequence, status, writer } = record;
  const told = decodeName(member) === undefined ? "" : toldText(record);
  const common = { sequence, base: sequence, status, entry, told };
  return { ...common, ttl: status === "paused" ? "" : ttl, writer };
}

/** The last part of a checkpoint's key; at once, but for the longest names. */
function entryFor({ sequence, nodeId }: CheckpointRecord): string | Promise<string> {
  const node = encodeName(nodeId);
  return typeof node === "string"
    ? entryOf(sequence, node)
    : node.then((encoded) => entryOf(sequence, encoded));
}
