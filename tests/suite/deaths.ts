/**
 * Whenever a worker dies, the run ends as if it had not.
 *
 * @module
 */

import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import fc from "fast-check";
import { type Checkpointer, CheckpointSaveError, type RunResult } from "../../mod.ts";
import { FaultError, type FaultPoint, FaultyCheckpointer, nameOf } from "../faulty_checkpointer.ts";
import { BLANK, type Book, BOOKS, defineBooks, Effects, type Press } from "./book.ts";
import { sequences } from "./checks.ts";
import { inParallel } from "./parallel.ts";
import type { Test } from "./store.ts";

/** A run that nothing disturbed. */
interface Undisturbed {
  readonly result: RunResult<Book>;
  readonly effects: Effects;
  readonly saves: number;
}

/** Registers the tests. */
export function testDeaths(test: Test): void {
  test("a run that dies before or after any one of its saves ends as if it had not", async (store) => {
    const undisturbed = await runUndisturbed(store.checkpointer);
    const saves = Array.from({ length: undisturbed.saves }, (_, index) => index + 1);
    const deaths = saves.flatMap((nth) =>
      (["before", "after"] as const).map((how): FaultPoint => ({ at: "save", nth, how }))
    );
    const other = await store.again();
    await inParallel(deaths, async (death) => {
      const deathsMet = await assertSurvives(
        [store.checkpointer, other],
        undisturbed,
        [death],
        true,
      );
      assertEquals(deathsMet, 1, `no death at ${nameOf(death)}`);
    });
  });

  test("a run whose worker dies, and whose next worker dies too, ends as if none had", async (store) => {
    const undisturbed = await runUndisturbed(store.checkpointer);
    const how = fc.constantFrom("before", "after");
    const death = (most: number): fc.Arbitrary<FaultPoint> =>
      fc.record({ at: fc.constant("save"), nth: fc.integer({ min: 1, max: most }), how });
    const pairs = death(undisturbed.saves).chain((first) =>
      fc.tuple(fc.constant(first), death(undisturbed.saves - first.nth + 2))
    );
    const many = fc.uniqueArray(pairs, { minLength: 40, maxLength: 40, selector: runIdOf });
    const [sample = []] = fc.sample(many, { numRuns: 1, seed: 7 });
    const other = await store.again();
    let diedTwice = 0;
    await inParallel(sample, async (deaths) => {
      const met = await assertSurvives([store.checkpointer, other], undisturbed, deaths, false);
      if (met === 2) diedTwice++;
    });
    assert(diedTwice > 20, `only ${diedTwice} runs died twice`);
  });
}

async function runUndisturbed(store: Checkpointer): Promise<Undisturbed> {
  const checkpointer = new FaultyCheckpointer(store);
  const effects = new Effects();
  const result = await live({ checkpointer, effects, oneByOne: true }, "undisturbed");
  assertEquals(result.state.printed.split("; ").length, 4);
  assertEquals(result.completedNodes.length, effects.byTask.size);
  return { result, effects, saves: checkpointer.calls.save };
}

/**
 * Lets a run die, each of its workers one death, and then end; asserts that all is as undisturbed.
 * Comes back with the number of deaths met, as a run may end before one.
 */
async function assertSurvives(
  [store, other]: readonly [Checkpointer, Checkpointer],
  undisturbed: Undisturbed,
  deaths: readonly FaultPoint[],
  oneByOne: boolean,
): Promise<number> {
  const runId = runIdOf(deaths);
  const byTask = new Map<string, unknown>();
  let deathsMet = 0;
  for (const death of deaths) {
    const checkpointer = new FaultyCheckpointer(store, death, true);
    const effects = new Effects(byTask, () => checkpointer.isMet);
    const error = await live({ checkpointer, effects, oneByOne }, runId)
      .then(() => undefined, (error: unknown) => error);
    if (!checkpointer.isMet) continue;
    deathsMet++;
    await assertDied(error, other, runId, death);
    assertEquals(checkpointer.calls.save, death.nth, `${runId} saved after its death`);
    // Side by side, others may be at work when a save fails; they end what they began.
    if (oneByOne) assertEquals(effects.afterDeath, [], runId);
  }
  const effects = new Effects(byTask);
  const result = await live({ checkpointer: other, effects, oneByOne }, runId);
  assertEquals({ ...result, runId: "" }, { ...undisturbed.result, runId: "" }, runId);
  assertEquals(byTask, undisturbed.effects.byTask, runId);
  const history = await Array.fromAsync(store.history(BOOKS, runId));
  assertEquals(history[0]?.status, "completed", runId);
  const approvals = history.filter(({ resume }) =>
    resume !== undefined && resume.approved.length > 0
  );
  assertEquals(approvals.length, 1, runId);
  const stored = sequences(history);
  assertEquals(stored.toReversed(), Array.from(stored, (_, index) => index), runId);
  return deathsMet;
}

/** Does what a worker does with the run that it finds: starts it, approves it, goes on with it. */
async function live(press: Press, runId: string): Promise<RunResult<Book>> {
  const books = defineBooks(press);
  for (;;) {
    const latest = await press.checkpointer.loadLatest(BOOKS, runId);
    const approval = { approvePause: true, update: { approved: true }, by: "ana" };
    const result = latest === undefined
      ? await books.invoke(BLANK, { runId })
      : await books.resume(runId, latest.status === "paused" ? approval : {});
    if (result.status === "failed") throw result.error;
    if (result.status === "completed") return result;
  }
}

async function assertDied(
  error: unknown,
  store: Checkpointer,
  runId: string,
  { how }: FaultPoint,
): Promise<void> {
  assertInstanceOf(error, CheckpointSaveError, runId);
  assertInstanceOf(error.cause, FaultError, runId);
  const latest = await store.loadLatest(BOOKS, runId);
  const stored = error.lastSequence + (how === "after" ? 1 : 0);
  assertEquals(latest?.sequence ?? -1, stored, runId);
}

function runIdOf(deaths: readonly FaultPoint[]): string {
  return deaths.map(nameOf).join(" and ");
}
