/**
 * What one instance knows of the chains that it saved, by run.
 *
 * @module
 */

import {
  type Chain,
  type ChainOptions,
  makeChainRule,
  type PlannedChange,
} from "../pipeline/chain.ts";
import type { CheckpointChange, CheckpointRecord } from "../pipeline/checkpoint_record.ts";

/** Runs of which an instance knows the chain; of others the next save is whole. */
const RUNS_KNOWN = 10_000;

/** The chains that an instance saved. */
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
  forget(run: RunName): void;
}

/** What tells a run from all others of a store. */
type RunName = Pick<CheckpointRecord, "pipelineName" | "runId">;

/** Begins with no chain known. */
export function makeChains(options: ChainOptions = {}): Chains {
  const rule = makeChainRule(options);
  const chains = new Map<string, Chain>();
  const keyOf = makeKeys();

  const note = (record: CheckpointRecord, chain: Chain | undefined) => {
    const key = keyOf(record);
    // Who goes on after a stop is a new writer, and begins a new chain.
    if (chain === undefined || record.status !== "running") return void chains.delete(key);
    chains.set(key, chain);
    if (chains.size <= RUNS_KNOWN) return;
    for (const oldest of chains.keys()) return void chains.delete(oldest);
  };

  return {
    plan(record, change) {
      return rule.plan(chains.get(keyOf(record)), record, change);
    },
    savedWhole: (record, length) => note(record, rule.begin(record, length)),
    savedChange: (record, { next }) => note(record, next),
    forget: (run) => void chains.delete(keyOf(run)),
  };
}

/** Makes keys of runs. The one that was asked for last is asked for again when it was saved. */
function makeKeys(): (run: RunName) => string {
  let last = { pipelineName: "", runId: "", key: "0 " };
  return ({ pipelineName, runId }) => {
    if (last.runId !== runId || last.pipelineName !== pipelineName) {
      last = { pipelineName, runId, key: `${pipelineName.length} ${pipelineName}${runId}` };
    }
    return last.key;
  };
}
