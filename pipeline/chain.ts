/**
 * Which saves a store keeps as changes: by size, so that small records are whole and readable by
 * anyone, while what is stored of large ones follows what changed in them.
 *
 * @module
 */

import type { CheckpointChange, CheckpointRecord } from "./checkpoint_record.ts";
import { type StoredChange, toStoredChange } from "./stored_change.ts";

/** A record whose text is no longer than this is always whole, unless a store says otherwise. */
const SMALL = 1_024;

/** Changes that may follow a small record; who loads reads them all. */
const LONGEST_CHAIN = 384;

/** Characters of a record for each change that may follow a larger one. */
const WHOLE_PER_CHANGE = 100;

/** Runs of which an instance knows the chain; of others the next save is whole. */
const RUNS_KNOWN = 10_000;

/** What an instance knows of a run whose latest checkpoint it saved itself. */
interface Chain {
  readonly base: number;
  readonly savedAt: string;
  /** Of the record saved last. */
  readonly steps: number;
  readonly writer: string;
  readonly leaseMs: number | undefined;
  /** The sequence saved last. */
  readonly last: number;
  /** Length of the text of the whole record that the chain begins with. */
  readonly begun: number;
  /** Length of the latest whole record's text, about. */
  readonly whole: number;
  /** Length of the changes since the chain's whole record. */
  readonly changes: number;
  /** How many they are. */
  readonly count: number;
}

/** A change that may be stored instead of its record. */
export interface PlannedChange {
  /** Sequence of the whole record that the chain begins with. */
  readonly base: number;
  /** Sequence of the record that it changes; stored by the same writer, and still the latest. */
  readonly since: number;
  /** How many changes the chain has with it. */
  readonly count: number;
  /** What is to be stored. */
  readonly text: string;
  /** By how much the whole record's text grew, about. */
  readonly growth: number;
}

/** What one instance of a store knows of the chains that it saved. */
export interface Chains {
  /**
   * The change to be stored instead of a record; `undefined` if the record has to be stored whole.
   */
  plan(record: CheckpointRecord, change: CheckpointChange | undefined): PlannedChange | undefined;
  /** Notes that a record was stored whole, as a text of some length. */
  savedWhole(record: CheckpointRecord, length: number): void;
  /** Notes that a change was stored. */
  savedChange(record: CheckpointRecord, change: PlannedChange): void;
  /** Forgets a run. */
  forget(pipelineName: string, runId: string): void;
}

/** How a store keeps chains. */
export interface ChainOptions {
  /** The text that it keeps of a change; by default all of it, as JSON. */
  readonly textOf?: (change: StoredChange) => string;
  /** Whether a change tells when it was saved, not how long after the whole record. Default `false`. */
  readonly tellsTime?: boolean;
  /** A record whose text is no longer than this is always whole. Default 1,024. */
  readonly small?: number;
  /**
   * How much loading may read, as a multiple of the record: the less, the more whole ones are stored.
   * Default 2.
   */
  readonly mostRead?: number;
  /** How many changes may follow a small record. Default 384. */
  readonly longest?: number;
  /**
   * More of them may follow a record that is longer than so many characters for each: the whole one
   * after them then costs no more than that for each change. Default 100.
   */
  readonly wholePerChange?: number;
}

/** Begins with no chain known. */
export function makeChains(
  {
    textOf = (change) => JSON.stringify(change),
    tellsTime = false,
    small = SMALL,
    mostRead = 2,
    longest = LONGEST_CHAIN,
    wholePerChange = WHOLE_PER_CHANGE,
  }: ChainOptions = {},
): Chains {
  const chains = new Map<string, Chain>();

  const note = (record: CheckpointRecord, chain: Chain) => {
    const key = keyOf(record.pipelineName, record.runId);
    // Who goes on after a stop is a new writer, and begins a new chain.
    if (record.status !== "running") return void chains.delete(key);
    chains.set(key, chain);
    if (chains.size <= RUNS_KNOWN) return;
    for (const oldest of chains.keys()) return void chains.delete(oldest);
  };

  return {
    plan(record, change) {
      const chain = chains.get(keyOf(record.pipelineName, record.runId));
      if (chain === undefined || change === undefined) return undefined;
      // Only the claim of a new writer renames, and that is whole.
      if (change.replacesCompletedNodes) return undefined;
      const follows = change.since === chain.last && record.sequence > chain.last &&
        record.writer === chain.writer && record.leaseMs === chain.leaseMs;
      // Whoever loads reads the chain from its beginning.
      const isLong = chain.begun + chain.changes >= mostRead * chain.whole ||
        chain.count >= Math.max(longest, chain.whole / wholePerChange);
      if (!follows || isLong || chain.whole <= small) return undefined;
      const { steps, savedAt } = chain;
      const before = { steps, savedAt: tellsTime ? undefined : savedAt };
      const text = textOf(toStoredChange(record, change, before));
      if (text.length * 2 > chain.whole) return undefined;
      const { base, last: since, count } = chain;
      return { base, since, count: count + 1, text, growth: growthOf(change) };
    },
    savedWhole(record, length) {
      const { sequence, savedAt, writer, leaseMs, steps } = record;
      const sizes = { begun: length, whole: length, changes: 0, count: 0 };
      note(record, { base: sequence, savedAt, steps, writer, leaseMs, last: sequence, ...sizes });
    },
    savedChange(record, { text, growth }) {
      const chain = chains.get(keyOf(record.pipelineName, record.runId));
      if (chain === undefined) return;
      const whole = chain.whole + growth;
      const changes = chain.changes + text.length;
      const { sequence: last, steps } = record;
      note(record, { ...chain, last, steps, whole, changes, count: chain.count + 1 });
    },
    forget: (pipelineName, runId) => void chains.delete(keyOf(pipelineName, runId)),
  };
}

/** By how much a change makes the record's text longer; what it sets takes the place of something. */
function growthOf({ appended, completedNodes, tasks }: CheckpointChange): number {
  const lists: readonly (readonly unknown[])[] = [
    ...Object.values(appended),
    completedNodes,
    "all" in tasks ? [] : tasks.finished,
  ];
  return lists.reduce((sum, list) => sum + JSON.stringify(list).length - "[]".length, 0);
}

function keyOf(pipelineName: string, runId: string): string {
  return `${pipelineName.length} ${pipelineName}${runId}`;
}
