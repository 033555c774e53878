/**
 * Which saves a store keeps as changes: by size, so that small records are whole and readable by
 * anyone, while what is stored of large ones follows what changed in them.
 *
 * @module
 */

import type { CheckpointChange, CheckpointRecord } from "./checkpointer.ts";
import { type StoredChange, toStoredChange } from "./stored_change.ts";

/** A record whose text is no longer than this is always whole. */
const SMALL = 2_048;

/** Runs of which an instance knows the chain; of others the next save is whole. */
const RUNS_KNOWN = 10_000;

/** What an instance knows of a run whose latest checkpoint it saved itself. */
interface Chain {
  readonly base: CheckpointRecord["sequence"];
  readonly savedAt: string;
  readonly writer: string;
  /** The sequence saved last. */
  readonly last: number;
  /** Length of the whole record's text, about. */
  readonly whole: number;
  /** Length of the changes since the chain's whole record. */
  readonly changes: number;
}

/** A change that may be stored instead of its record. */
export interface PlannedChange {
  /** Sequence of the whole record that the chain begins with. */
  readonly base: number;
  /** Sequence of the record that it changes; stored by the same writer, and still the latest. */
  readonly since: number;
  /** What is to be stored. */
  readonly text: string;
  /** By how much the whole record's text grew, about. */
  readonly growth: number;
}

/** What one instance of a store knows of the chains that it saved. */
export interface Chains {
  /**
   * The change to be stored instead of a record; `undefined` if the record has to be stored whole.
   * Loading then never reads more than about twice the record.
   */
  plan(record: CheckpointRecord, change: CheckpointChange | undefined): PlannedChange | undefined;
  /** Notes that a record was stored whole, as a text of some length. */
  savedWhole(record: CheckpointRecord, length: number): void;
  /** Notes that a change was stored. */
  savedChange(record: CheckpointRecord, change: PlannedChange): void;
  /** Forgets a run. */
  forget(pipelineName: string, runId: string): void;
}

/**
 * Begins with no chain known.
 *
 * @param textOf The text that the store keeps of a change; by default all of it, as JSON.
 */
export function makeChains(
  textOf: (change: StoredChange, record: CheckpointRecord) => string = (change) =>
    JSON.stringify(change),
): Chains {
  const chains = new Map<string, Chain>();

  const note = (record: CheckpointRecord, chain: Chain) => {
    const key = keyOf(record.pipelineName, record.runId);
    chains.delete(key);
    // Who goes on after a stop is a new writer, and begins a new chain.
    if (record.status !== "running") return;
    chains.set(key, chain);
    if (chains.size <= RUNS_KNOWN) return;
    for (const oldest of chains.keys()) return void chains.delete(oldest);
  };

  return {
    plan(record, change) {
      const chain = chains.get(keyOf(record.pipelineName, record.runId));
      if (chain === undefined || change === undefined) return undefined;
      const follows = change.since === chain.last && record.sequence > chain.last &&
        record.writer === chain.writer;
      if (!follows || chain.whole <= SMALL || chain.changes >= chain.whole) return undefined;
      const { rest, growth } = toStoredChange(record, change, chain);
      const text = textOf({ ...rest, ...growth }, record);
      if (text.length * 2 > chain.whole) return undefined;
      // What is set takes the place of something. Of the two parts, the smaller one is measured.
      const isGrowth = rest.set === undefined && rest.tasks === undefined;
      const grown = isGrowth
        ? Math.max(0, text.length - JSON.stringify(rest).length)
        : JSON.stringify(growth).length;
      return { base: chain.base, since: chain.last, text, growth: grown };
    },
    savedWhole(record, length) {
      const { sequence, savedAt, writer } = record;
      note(record, { base: sequence, savedAt, writer, last: sequence, whole: length, changes: 0 });
    },
    savedChange(record, { text, growth }) {
      const chain = chains.get(keyOf(record.pipelineName, record.runId));
      if (chain === undefined) return;
      const whole = chain.whole + growth;
      const changes = chain.changes + text.length;
      note(record, { ...chain, last: record.sequence, whole, changes });
    },
    forget: (pipelineName, runId) => void chains.delete(keyOf(pipelineName, runId)),
  };
}

function keyOf(pipelineName: string, runId: string): string {
  return `${pipelineName.length} ${pipelineName}${runId}`;
}
