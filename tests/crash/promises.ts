/**
 * What was promised to a run whose workers are killed.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { CheckpointRecord, Durability } from "../../mod.ts";
import { finishedVisits, problemsOf, visitOf } from "../history_checks.ts";
import { defineJourney, DEPARTURE, WHOLE_LOG } from "../journey.ts";
import type { Disturbed } from "./lives.ts";

/** Visits, as `node visit`, whose nodes left their mark; again where a node ran again. */
export type Effects = readonly string[];

/** A journey before and after one life. */
export interface Passage {
  /** The latest checkpoint before. */
  readonly stored: CheckpointRecord | undefined;
  /** The latest checkpoint after. */
  readonly latest: CheckpointRecord | undefined;
  /** All effects before. */
  readonly before: Effects;
  /** All effects after. */
  readonly effects: Effects;
  /** How far the run might get ahead. */
  readonly durability: Durability;
}

/** Asserts that nothing that was stored is lost or done again, and no more is lost than may be. */
export function assertKept({ stored, latest, before, effects, durability }: Passage): void {
  const kept = new Set(latest === undefined ? [] : finishedVisits(latest));
  const finished = stored === undefined ? [] : finishedVisits(stored);
  assertEquals(finished.filter((visit) => !kept.has(visit)), [], "stored, and lost");
  const again = effects.slice(before.length).filter((visit) => finished.includes(visit));
  assertEquals(again, [], "stored, and done again");
  if (durability === "exit") return;
  const pending = latest?.tasks.map(visitOf) ?? [];
  const ahead = [...new Set(effects)].filter((visit) =>
    !kept.has(visit) && !pending.includes(visit)
  );
  const [next] = ahead;
  // Only a fan-out has more than one task of a step.
  const isStep = ahead.every((visit) => visit.startsWith("scout ")) || ahead.length === 1;
  const isAllowed = next === undefined || (durability === "async" && isStep);
  assertEquals(isAllowed ? [] : ahead, [], `ahead of the checkpoints, with ${durability}`);
}

/** Asserts that a journey ended as if nothing had happened to it. */
export async function assertWhole(journey: Disturbed, effects: Effects): Promise<void> {
  const { pipelineName, runId, checkpointer, durability } = journey;
  const history = await Array.fromAsync(checkpointer.history(pipelineName, runId));
  const storesEveryStep = durability !== "exit";
  assertEquals(problemsOf(history.toReversed(), { storesEveryStep }), []);
  assertEquals(history.filter(({ resume }) => resume?.approved.length).length, 1, "approvals");

  const again = defineJourney({
    name: pipelineName,
    paceMs: 3,
    mark: () => {
      throw new Error("a node of a run that is completed");
    },
    checkpointer,
  });
  const { status, state, completedNodes } = await again.resume(runId);
  assertEquals(status, "completed");
  assertEquals(state, { ...DEPARTURE, log: WHOLE_LOG, permit: true });
  const visits = [...WHOLE_LOG.slice(0, -1), "border 1", ...WHOLE_LOG.slice(-1)];
  assertEquals(completedNodes, visits.map((visit) => visit.replace(/ .*/, "")));
  assertEquals([...new Set(effects)].sort(), visits.toSorted());
}

/** Reads what the nodes of a journey noted. */
export async function readEffects({ effects }: Pick<Disturbed, "effects">): Promise<Effects> {
  try {
    const lines = (await Deno.readTextFile(effects)).split("\n").slice(0, -1);
    return lines.map((taskId) => taskId.split("/").slice(-2).join(" "));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
