/**
 * Which saves a store keeps as changes: by size, so that small records are whole and readable by
 * anyone, while what is stored of large ones follows what changed in them.
 *
 * @module
 */

import type { CheckpointChange, CheckpointRecord } from "./checkpoint_record.ts";
import { type Cover, coverFrom, extendCover, isCovering } from "./cover.ts";
import { type StoredChange, toStoredChange } from "./stored_change.ts";

/** A record whose text is no longer than this is always whole, unless a store says otherwise. */
const SMALL = 1_024;

/** Changes that may follow a small record; who loads reads them all. */
const LONGEST_CHAIN = 384;

/** Characters of a record for each change that may follow a larger one. */
const WHOLE_PER_CHANGE = 100;

/** Longest text of a change that stands for several: what appends more has fewer changes to be read. */
const LONGEST_COVERING = 1_600;

/** What whoever saved the latest checkpoint of a run knows of the chain that it belongs to. */
export interface Chain {
  readonly base: number;
  /** When that record was saved, in milliseconds since 1970. */
  readonly savedMs: number;
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
  /** Length of the changes since the chain's whole record, as far as whoever loads reads them. */
  readonly changes: number;
  /** How many there are. */
  readonly count: number;
  /** What the next change that stands for several is to tell; `undefined` where none comes any more. */
  readonly cover: Cover | undefined;
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
  /** What is known of the chain once it is. */
  readonly next: Chain;
}

/** How a store keeps chains. */
export interface ChainRule {
  /**
   * Begins a chain with a record that was stored whole, as a text of some length; with a small one none,
   * for what follows is whole.
   */
  begin(record: CheckpointRecord, length: number): Chain | undefined;
  /**
   * The change to be stored instead of a record; `undefined` if the record has to be stored whole.
   *
   * @param chain What is known of the run's chain, if anything is.
   */
  plan(
    chain: Chain | undefined,
    record: CheckpointRecord,
    change: CheckpointChange | undefined,
  ): PlannedChange | undefined;
}

/** What a store has chains be. */
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
  /**
   * How many changes may follow a small record where some of them stand for several, so that whoever
   * loads does not read them all. By default none does.
   */
  readonly longestCovered?: number;
}

/** Makes the rule of a store. */
export function makeChainRule(
  {
    textOf = (change) => JSON.stringify(change),
    tellsTime = false,
    small = SMALL,
    mostRead = 2,
    longest = LONGEST_CHAIN,
    wholePerChange = WHOLE_PER_CHANGE,
    longestCovered,
  }: ChainOptions = {},
): ChainRule {
  /** Whether the chain is to end: whoever loads reads it from its beginning. */
  const isLong = ({ begun, changes, whole, count, cover }: Chain) => {
    const most = cover === undefined ? longest : longestCovered ?? longest;
    return begun + changes >= mostRead * whole || count >= Math.max(most, whole / wholePerChange);
  };
  const timeOf = ({ savedMs }: Chain) => tellsTime ? undefined : savedMs;

  /** A change that stands for several, where one is due that is not too long. */
  const coveringChange = (chain: Chain, record: CheckpointRecord, change: CheckpointChange) => {
    if (!isCovering(chain.base, record.sequence)) return undefined;
    const cover = extendCover(chain, record, change);
    if (cover?.change === undefined) return undefined;
    const before = { steps: cover.steps, savedMs: timeOf(chain) };
    const text = textOf(toStoredChange(record, cover.change, before));
    const read = cover.read + text.length;
    return text.length > LONGEST_COVERING
      ? undefined
      : { text, read, cover: coverFrom(record, read) };
  };

  /** A change that stands for itself. */
  const nextChange = (chain: Chain, record: CheckpointRecord, change: CheckpointChange) => {
    const isDue = isCovering(chain.base, record.sequence);
    const cover = isDue ? undefined : extendCover(chain, record, change);
    const needsAll = longestCovered !== undefined && cover === undefined;
    const before = { steps: chain.steps, savedMs: timeOf(chain), needsAll };
    const text = textOf(toStoredChange(record, change, before));
    return { text, read: chain.changes + text.length, cover };
  };

  return {
    begin(record, length) {
      if (length <= small) return undefined;
      const { sequence, writer, leaseMs, steps } = record;
      const savedMs = Date.parse(record.savedAt);
      const sizes = { begun: length, whole: length, changes: 0, count: 0 };
      const cover = longestCovered === undefined ? undefined : coverFrom(record, 0);
      return { base: sequence, savedMs, steps, writer, leaseMs, last: sequence, ...sizes, cover };
    },
    plan(chain, record, change) {
      if (chain === undefined || change === undefined) return undefined;
      // Only the claim of a new writer renames, and that is whole.
      if (change.replacesCompletedNodes) return undefined;
      const { base, last, writer, leaseMs } = chain;
      const { sequence, steps } = record;
      const follows = change.since === last && sequence > last &&
        record.writer === writer && record.leaseMs === leaseMs;
      if (!follows || isLong(chain)) return undefined;
      const told = coveringChange(chain, record, change) ?? nextChange(chain, record, change);
      const { text, read, cover } = told;
      if (text.length * 2 > chain.whole) return undefined;
      const [count, whole] = [chain.count + 1, chain.whole + growthOf(change)];
      const next = { ...chain, last: sequence, steps, whole, changes: read, count, cover };
      return { base, since: last, count, text, next };
    },
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
