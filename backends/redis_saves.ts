/**
 * Saving one checkpoint: whole, or as a change of the one before.
 *
 * @module
 */

import type { PlannedChange } from "../pipeline/chain.ts";
import type { CheckpointChange, CheckpointRecord } from "../pipeline/checkpoint_record.ts";
import type { RunPlace } from "./redis_keys.ts";
import { CHANGE, SAVE } from "./redis_lua.ts";
import { encodeName, entryOf } from "./redis_names.ts";
import { type RunScript, textOf } from "./redis_script.ts";
import { summaryOf } from "./redis_summary.ts";

/** How checkpoints are saved. */
export interface Saving {
  /** Runs the scripts. */
  readonly run: RunScript;
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
}

/**
 * Saves a whole checkpoint; comes back with `saved`, `conflict`, or `unknown` where an older store
 * has to be searched first.
 *
 * @param anew Whether that search was made.
 */
export async function saveWhole(
  { run, place: { keys, raw }, ttl }: Saving,
  { record, text, change }: WholeCheckpoint,
  anew: "anew" | "",
): Promise<string | undefined> {
  const node = encodeName(record.nodeId);
  const entry = entryOf(record.sequence, typeof node === "string" ? node : await node);
  const writer = writerText(record.writer);
  const args = [String(record.sequence), writer, record.status, ttl, text];
  const upon = uponText(change, record.writer, writer);
  const summary = summaryOf(record, text);
  const isPlain = keys.run === raw.run;
  if (summary !== "" || anew !== "" || !isPlain) args.push(upon, summary, anew, raw.member);
  else if (upon !== writer) args.push(upon);
  const answer = await run(
    SAVE,
    [keys.index, `${keys.run}:${entry}`, keys.runs, ...isPlain ? [] : [raw.runs]],
    args,
  );
  return textOf(answer);
}

/** Saves a checkpoint as a change; comes back with whether it was taken. */
export async function saveChange(
  { run, place: { keys }, ttl }: Saving,
  record: CheckpointRecord,
  { base, since, text }: PlannedChange,
): Promise<boolean> {
  const args = [String(record.sequence), writerText(record.writer), record.status, ttl, text];
  args.push(String(base), String(since));
  const summary = summaryOf(record, text);
  if (summary !== "") args.push(summary);
  const answer = await run(CHANGE, [keys.index, keys.runs], args);
  return textOf(answer) === "saved";
}

/** The writer of what a checkpoint is saved upon, as scripts know it; empty if that is unknown. */
function uponText(
  change: WholeCheckpoint["change"],
  ownWriter: string,
  own: string,
): string {
  if (change === undefined || change.since < 0) return "";
  return change.sinceWriter === ownWriter ? own : writerText(change.sinceWriter);
}

/** A writer as scripts know it: as JSON, in which a lone surrogate differs from what stands for all. */
export function writerText(writer: string): string {
  return JSON.stringify(writer);
}
