/**
 * Names are data: whatever they hold, no two meet, and none leads elsewhere.
 *
 * @module
 */

import { assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { append, definePipeline, END, unchecked } from "../../mod.ts";
import { assertRecord, assertStored } from "./checks.ts";
import { ALL_NAMES, TWISTED } from "./hostile_names.ts";
import { inParallel } from "./parallel.ts";
import { makeRecord } from "./samples.ts";
import type { Test } from "./store.ts";

/** Registers the tests. */
export function testNames(test: Test): void {
  test("every pair of hostile pipeline and run names is a run of its own", async (store) => {
    const { checkpointer } = store;
    const records = TWISTED.flatMap((pipelineName, row) =>
      TWISTED.map((runId, column) => {
        const nodeId = TWISTED[(row + column) % TWISTED.length];
        return makeRecord({ pipelineName, runId, nodeId, state: { row, column } });
      })
    );
    await inParallel(records, (record) => checkpointer.save(record));
    const other = await store.again();
    await inParallel(records, async (record) => {
      assertRecord(await other.loadLatest(record.pipelineName, record.runId), record);
    });
    for (const pipelineName of TWISTED) {
      assertEquals(await namesOfRuns(pipelineName), TWISTED.toSorted());
    }
    await inParallel(TWISTED, (name) => checkpointer.deleteRun(name, name));
    await inParallel(records, async (record) => {
      const { pipelineName, runId } = record;
      const [found, ...more] = await Array.fromAsync(checkpointer.history(pipelineName, runId));
      assertEquals(more, []);
      if (pipelineName === runId) assertStrictEquals(found, undefined);
      else assertRecord(found, record);
    });

    async function namesOfRuns(pipelineName: string): Promise<readonly string[]> {
      const runs = await Array.fromAsync(other.listRuns(pipelineName));
      for (const run of runs) assertStrictEquals(run.pipelineName, pipelineName);
      return runs.map(({ runId }) => runId).toSorted();
    }
  });

  test("hostile names come back as they were, as pipelines, runs and nodes", async (store) => {
    const runs = ALL_NAMES.map((runId) => makeRecord({ runId }));
    const pipelines = ALL_NAMES.map((pipelineName) => makeRecord({ pipelineName }));
    await inParallel([...runs, ...pipelines], (record) => store.checkpointer.save(record));
    const other = await store.again();
    await inParallel([...runs, ...pipelines], async (record) => {
      await assertStored(other, [record]);
    });
    const listed = await Array.fromAsync(other.listRuns("pipeline"));
    assertEquals(listed.map(({ runId }) => runId).toSorted(), ALL_NAMES.toSorted());
    for (const [sequence, nodeId] of ALL_NAMES.entries()) {
      await store.checkpointer.save(makeRecord({ pipelineName: "nodes", sequence, nodeId }));
    }
    const history = await Array.fromAsync(other.history("nodes", "run"));
    assertEquals(history.map(({ nodeId }) => nodeId), ALL_NAMES.toReversed());
  });

  test("names at random never meet", async ({ checkpointer }) => {
    const unit = fc.constantFrom(..."aA/\\.:%2Ff5_-*' \0\ud800\u00e9\n");
    const names = fc.uniqueArray(fc.string({ unit, minLength: 1, maxLength: 4 }), {
      minLength: 150,
      maxLength: 150,
    });
    await fc.assert(
      fc.asyncProperty(names, async (runIds) => {
        const records = runIds.map((runId) => makeRecord({ runId, writer: runId }));
        await inParallel(records, (record) => checkpointer.save(record));
        await inParallel(records, (record) => assertStored(checkpointer, [record]));
        const listed = await Array.fromAsync(checkpointer.listRuns("pipeline"));
        assertEquals(listed.map(({ runId }) => runId).toSorted(), runIds.toSorted());
      }),
      { numRuns: 1, endOnFailure: true },
    );
  });

  test("a pipeline whose names are all hostile fails and goes on elsewhere", async (store) => {
    let isBroken = true;
    const define = (checkpointer = store.checkpointer) =>
      definePipeline({
        name: "../a:*/%2F\0\ud800",
        state: unchecked<{ log: string[] }>(),
        reducers: { log: append },
        nodes: {
          "a/../..": (_, { node }) => ({ log: node }),
          ["__proto__"]: (_, { node }) => {
            if (isBroken) throw new Error("a message with \0 and \ud800");
            return { log: node };
          },
          "\0": (_, { node }) => ({ log: node }),
        },
        start: "a/../..",
        edges: { "a/../..": "__proto__", ["__proto__"]: "\0", "\0": END },
      }, { checkpointer });
    const runId = "..";
    const first = await define().invoke({ log: [] }, { runId });
    assertEquals(first.status, "failed");
    isBroken = false;
    const second = await define(await store.again()).resume(runId);
    assertEquals(second.status, "completed");
    assertEquals(second.state, { log: ["a/../..", "__proto__", "\0"] });
    assertEquals(second.completedNodes, ["a/../..", "__proto__", "\0"]);
    const runs = await Array.fromAsync(define().listRuns());
    assertEquals(runs.map((run) => run.runId), [".."]);
  });
}
