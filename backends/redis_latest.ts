/**
 * What an index says of the latest checkpoint: one text, so that whoever saved it knows by comparing
 * that alone that nothing has happened to its run since.
 *
 * @module
 */

import type { Chain } from "../pipeline/chain.ts";
import {
  type CheckpointChange,
  type CheckpointRecord,
  RECORD_VERSION,
  type RunStatus,
} from "../pipeline/checkpoint_record.ts";

/** The latest checkpoint of a run. */
export interface Latest {
  /** Its sequence. */
  readonly sequence: number;
  /** That of the whole checkpoint that its chain begins with, or its own. */
  readonly base: number;
  /** Its status. */
  readonly status: RunStatus;
  /** Time to live in milliseconds; empty if it does not expire. */
  readonly ttl: string;
  /** The id of its writer. */
  readonly writer: string;
  /** The last part of the whole one's key. */
  readonly entry: string;
  /** What else a list tells of it, as {@linkcode toldText} says it. */
  readonly told: string;
}

/** The text: parts with a space between them, and none inside of any. */
export function latestText({ sequence, base, status, ttl, writer, entry, told }: Latest): string {
  return `${sequence} ${base} ${status} ${ttl || NONE} ${writerText(writer)} ${entry}${told}`;
}

/** Stands for the time to live of what does not expire, and for no lease. */
export const NONE = "-";

/**
 * Lua that takes the text apart: sequence, base, status, time to live or `-`, writer, entry. What may
 * follow is what else a list tells, and a mark of a text that nobody knows: its checkpoint took the
 * place of another one.
 */
export const PARTS = `'^([^ ]+) ([^ ]+) ([^ ]+) ([^ ]+) ([^ ]+) ([^ ]+)'`;

/** The same for a list, without what it does not tell: sequence, base, status, entry, and the rest. */
export const LISTED = `'^([^ ]+) ([^ ]+) ([^ ]+) [^ ]+ [^ ]+ ([^ ]+)(.*)$'`;

/** What stands for itself between spaces. */
const PLAIN = /^[\w.:+-]+$/;

/**
 * What a list tells of a checkpoint besides: the version of its record, its lease in milliseconds or
 * `-`, its node and the time of its save, each after a space. Empty where that is not all, or does not
 * stand for itself: its record is then read.
 */
export function toldText(record: CheckpointRecord): string {
  const { version, leaseMs, nodeId, savedAt, pendingEdges } = record;
  const isAll = version === RECORD_VERSION && PLAIN.test(nodeId) && PLAIN.test(savedAt) &&
    pendingEdges.every(({ pause }) => pause === undefined);
  return isAll ? ` ${version} ${leaseMs ?? NONE} ${nodeId} ${savedAt}` : "";
}

/** A writer as scripts know it: as JSON, in which a lone surrogate differs from what stands for all. */
export function writerText(writer: string): string {
  if (writer !== last.writer) {
    last = { writer, text: JSON.stringify(writer).replaceAll(" ", "\\u0020") };
  }
  return last.text;
}

/** Every save of a run has the writer of the one before. */
let last = { writer: "", text: '""' };

/** What this process saved last of a run. */
export interface Known {
  /** The checkpoint. */
  readonly latest: Latest;
  /** What the index says of it, as text. */
  readonly text: string;
  /** Whether the index holds a summary of the whole checkpoint. */
  readonly hasSummary: boolean;
  /** Whether it holds one of the latest change: only where that is no whole checkpoint. */
  readonly hasChanged: boolean;
  /** The chain that it belongs to, if changes may follow it. */
  readonly chain: Chain | undefined;
}

/** Runs that are known; of others, what is saved next finds out for itself. */
const RUNS_KNOWN = 10_000;

/** What this process saved last, by the key of the index. */
export interface KnownRuns {
  /**
   * What is known of the run, if that is what a record is to be saved upon by the same writer. It is
   * then forgotten: whoever saves notes what comes of it.
   */
  take(
    index: string,
    record: CheckpointRecord,
    change: CheckpointChange | undefined,
  ): Known | undefined;
  /** Notes what was saved. */
  note(index: string, known: Known): void;
  /** Forgets a run. */
  forget(index: string): void;
}

/** Begins with no run known. */
export function makeKnownRuns(): KnownRuns {
  const runs = new Map<string, Known>();
  return {
    take(index, { sequence, writer }, change) {
      const known = runs.get(index);
      if (known === undefined) return undefined;
      runs.delete(index);
      const { latest } = known;
      const isUpon = change !== undefined && change.since === latest.sequence &&
        change.sinceWriter === latest.writer && writer === latest.writer &&
        sequence > latest.sequence;
      return isUpon ? known : undefined;
    },
    note(index, known) {
      // Whoever goes on after a stop is another writer.
      if (known.latest.status !== "running") return;
      runs.set(index, known);
      if (runs.size <= RUNS_KNOWN) return;
      for (const oldest of runs.keys()) return void runs.delete(oldest);
    },
    forget: (index) => void runs.delete(index),
  };
}
