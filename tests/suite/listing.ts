/**
 * Finding runs: those of one pipeline, the one saved last first.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Checkpointer, ListRunsOptions, RunSummary } from "../../mod.ts";
import { inParallel } from "./parallel.ts";
import { following, makeRecord, pausedRecord, STATUSES } from "./samples.ts";
import type { Test } from "./store.ts";

/** Registers the tests. */
export function testListing(test: Test): void {
  test("the runs of the asked pipeline are listed, and nobody else's", async ({ checkpointer }) => {
    assertEquals(await runIds(checkpointer), []);
    for (const pipelineName of ["pipeline", "pipeline2", "pipe", "Pipeline"]) {
      for (const runId of ["one", "two"]) {
        await checkpointer.save(makeRecord({ pipelineName, runId: `${runId} of ${pipelineName}` }));
      }
    }
    assertEquals(await runIds(checkpointer), ["two of pipeline", "one of pipeline"]);
    assertEquals(await runIds(checkpointer, {}, "pipe"), ["two of pipe", "one of pipe"]);
    assertEquals(await runIds(checkpointer, {}, "nobody's"), []);
    await checkpointer.save(makeRecord({ pipelineName: "pipe", runId: "one of pipeline" }));
    assertEquals(await runIds(checkpointer), ["two of pipeline", "one of pipeline"]);
  });

  test("the run saved last is listed first, on every instance", async (store) => {
    const { checkpointer } = store;
    const first = makeRecord({ runId: "a" });
    for (const record of [first, makeRecord({ runId: "c" }), makeRecord({ runId: "b" })]) {
      await checkpointer.save(record);
    }
    assertEquals(await runIds(checkpointer), ["b", "c", "a"]);
    await checkpointer.save(following(first));
    assertEquals(await runIds(checkpointer), ["a", "b", "c"]);
    const other = await store.again();
    await other.save(makeRecord({ runId: "d" }));
    await other.save(makeRecord({ runId: "c", sequence: 5 }));
    assertEquals(await runIds(checkpointer), ["c", "d", "a", "b"]);
    assertEquals(await runIds(other), ["c", "d", "a", "b"]);
  });

  test("a listed run tells of its latest checkpoint and of its pauses", async ({ checkpointer }) => {
    await checkpointer.save(pausedRecord({ runId: "went on" }));
    const latest = makeRecord({
      runId: "went on",
      sequence: 10,
      nodeId: "end",
      status: "completed",
    });
    const paused = pausedRecord({ runId: "waits", sequence: 7 });
    await checkpointer.save(latest);
    await checkpointer.save(paused);
    const common = { pipelineName: "pipeline", leaseMs: undefined };
    assertEquals(await listed(checkpointer), [
      {
        ...common,
        runId: "waits",
        status: "paused",
        sequence: 7,
        nodeId: "node",
        savedAt: paused.savedAt,
        pauses: [{ id: "approval#1", reason: "publish?", node: "approval" }],
      },
      {
        ...common,
        runId: "went on",
        status: "completed",
        sequence: 10,
        nodeId: "end",
        savedAt: latest.savedAt,
        pauses: [],
      },
    ]);
  });

  test("runs are listed by what they are doing now", async ({ checkpointer }) => {
    for (const [index, status] of [...STATUSES, ...STATUSES].entries()) {
      const begun = makeRecord({ runId: `${index} ${status}`, status: STATUSES[(index + 1) % 5] });
      await checkpointer.save(begun);
      await checkpointer.save(following(begun, { status, paused: status === "paused" }));
    }
    for (const [index, status] of STATUSES.entries()) {
      const [older, younger] = [`${index} ${status}`, `${index + 5} ${status}`];
      assertEquals(await runIds(checkpointer, { status }), [younger, older]);
      assertEquals(await runIds(checkpointer, { status, limit: 1 }), [younger]);
      assertEquals(await runIds(checkpointer, { status, limit: 3 }), [younger, older]);
    }
    assertEquals((await runIds(checkpointer)).length, 10);
  });

  test("no more runs are listed than the limit allows", async ({ checkpointer }) => {
    for (const runId of ["a", "b", "c"]) await checkpointer.save(makeRecord({ runId }));
    for (const limit of [0, 1, 2, 3, 4, 5_000, Infinity]) {
      assertEquals(await runIds(checkpointer, { limit }), ["c", "b", "a"].slice(0, limit));
    }
    assertEquals(await runIds(checkpointer, { limit: undefined, status: undefined }), [
      "c",
      "b",
      "a",
    ]);
  });

  test("every run is listed once, also past a thousand", async ({ checkpointer }) => {
    const ids = Array.from({ length: 1_200 }, (_, index) => `run ${index}`);
    await inParallel(ids, (runId) => {
      const status = runId.endsWith("7") ? "failed" : "completed";
      return checkpointer.save(makeRecord({ runId, status }));
    });
    assertEquals((await runIds(checkpointer)).toSorted(), ids.toSorted());
    const failed = ids.filter((id) => id.endsWith("7"));
    const found = await runIds(checkpointer, { status: "failed" });
    assertEquals(found.toSorted(), failed.toSorted());
    assertEquals((await runIds(checkpointer, { limit: 1_001 })).length, 1_001);
    await checkpointer.save(makeRecord({ runId: "run 0", sequence: 1, status: "failed" }));
    await checkpointer.save(makeRecord({ runId: "late", status: "failed" }));
    assertEquals(await runIds(checkpointer, { status: "failed", limit: 2 }), ["late", "run 0"]);
    assertEquals((await runIds(checkpointer)).length, 1_201);
  });

  test("runs may be worked on while they are listed, and each comes once", async (store) => {
    const { checkpointer } = store;
    const ids = Array.from({ length: 130 }, (_, index) => `run ${index}`);
    await inParallel(ids, (runId) => checkpointer.save(makeRecord({ runId, status: "failed" })));
    for (const options of [{ status: "failed" as const }, {}]) {
      const met: string[] = [];
      for await (const { runId, sequence } of checkpointer.listRuns("pipeline", options)) {
        await checkpointer.save(makeRecord({ runId, sequence: sequence + 1 }));
        met.push(runId);
      }
      assertEquals(met.toSorted(), ids.toSorted());
    }
    for await (const { runId } of checkpointer.listRuns("pipeline")) {
      await checkpointer.deleteRun("pipeline", runId);
    }
    assertEquals(await runIds(await store.again()), []);
  });

  test("a listing may be left early, as often as one likes", async ({ checkpointer }) => {
    for (const runId of ["a", "b", "c"]) await checkpointer.save(makeRecord({ runId }));
    for (let round = 0; round < 20; round++) {
      checkpointer.listRuns("pipeline");
      for await (const { runId } of checkpointer.listRuns("pipeline")) {
        assertEquals(runId, "c");
        break;
      }
    }
    assertEquals(await runIds(checkpointer), ["c", "b", "a"]);
  });
}

async function runIds(
  checkpointer: Checkpointer,
  options?: ListRunsOptions,
  pipelineName = "pipeline",
): Promise<readonly string[]> {
  const runs = await Array.fromAsync(checkpointer.listRuns(pipelineName, options));
  return runs.map(({ runId }) => runId);
}

/** The listed runs without the one thing in them that time changes. */
export async function listed(checkpointer: Checkpointer): Promise<readonly RunSummary[]> {
  const runs = await Array.fromAsync(checkpointer.listRuns("pipeline"));
  return runs.map(({ idleMs: _, ...run }) => run);
}
