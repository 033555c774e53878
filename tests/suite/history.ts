/**
 * The past of a run, and its end.
 *
 * @module
 */

import { assertEquals, assertStrictEquals } from "@std/assert";
import { changeBetween } from "../../pipeline/change.ts";
import { assertRecord, assertRefused, assertStored, sequences } from "./checks.ts";
import { following, makeRecord, manyItems, withField } from "./samples.ts";
import type { Test } from "./store.ts";

/** Registers the tests. */
export function testHistory(test: Test): void {
  test("a history of hundreds of checkpoints comes newest first", async (store) => {
    let record = makeRecord({ state: { pad: manyItems("pad"), count: -1 } });
    await store.checkpointer.save(record);
    for (let count = 1; count <= 300; count++) {
      const next = following(record, { state: withField(record.state, "count", count) });
      await store.checkpointer.save(next, changeBetween(record, next));
      record = next;
    }
    const history = await Array.fromAsync((await store.again()).history("pipeline", "run"));
    assertEquals(sequences(history), Array.from({ length: 301 }, (_, index) => 300 - index));
    for (const { sequence, state } of history.slice(0, -1)) assertEquals(state.count, sequence);
    assertRecord(history[0], record);
  });

  test("a history may be left early, as often as one likes", async ({ checkpointer }) => {
    for (let sequence = 0; sequence < 60; sequence++) {
      await checkpointer.save(makeRecord({ sequence }));
    }
    for (let round = 0; round < 20; round++) {
      checkpointer.history("pipeline", "run");
      let expected = 59;
      for await (const { sequence } of checkpointer.history("pipeline", "run")) {
        assertEquals(sequence, expected--);
        if (sequence === 59 - round) break;
      }
    }
    assertEquals((await checkpointer.loadLatest("pipeline", "run"))?.sequence, 59);
  });

  test("a run may be loaded and saved while its history is read", async ({ checkpointer }) => {
    for (let sequence = 0; sequence < 8; sequence++) {
      await checkpointer.save(makeRecord({ sequence }));
    }
    const met: number[] = [];
    for await (const { sequence } of checkpointer.history("pipeline", "run")) {
      const latest = await checkpointer.loadLatest("pipeline", "run");
      await checkpointer.save(following(latest ?? makeRecord()));
      met.push(sequence);
    }
    assertEquals(met, [7, 6, 5, 4, 3, 2, 1, 0]);
    assertEquals((await checkpointer.loadLatest("pipeline", "run"))?.sequence, 15);
  });

  test("histories of runs with like names stay apart", async ({ checkpointer }) => {
    const names = [["p", "run"], ["p", "run1"], ["p", "run10"], ["p1", "run"], ["p", "ru"]];
    for (const [index, [pipelineName, runId]] of names.entries()) {
      for (const sequence of [index, index + 10, index + 100]) {
        await checkpointer.save(makeRecord({ pipelineName, runId, sequence }));
      }
    }
    for (const [index, [pipelineName = "", runId = ""]] of names.entries()) {
      const history = await Array.fromAsync(checkpointer.history(pipelineName, runId));
      assertEquals(sequences(history), [index + 100, index + 10, index]);
    }
  });

  test("a deleted run is gone as a whole, and no other one is", async (store) => {
    const { checkpointer } = store;
    const ids = [["pipeline", "run"], ["pipeline", "run2"], ["pipeline2", "run"], [
      "run",
      "pipeline",
    ]];
    for (const [pipelineName, runId] of ids) {
      for (let sequence = 0; sequence < 12; sequence++) {
        await checkpointer.save(makeRecord({ pipelineName, runId, sequence }));
      }
    }
    await checkpointer.deleteRun("pipeline", "run");
    for (const instance of [checkpointer, await store.again()]) {
      assertStrictEquals(await instance.loadLatest("pipeline", "run"), undefined);
      assertEquals(await Array.fromAsync(instance.history("pipeline", "run")), []);
      const listed = await Array.fromAsync(instance.listRuns("pipeline"));
      assertEquals(listed.map(({ runId }) => runId), ["run2"]);
      for (const [pipelineName = "", runId = ""] of ids.slice(1)) {
        const history = await Array.fromAsync(instance.history(pipelineName, runId));
        assertEquals(history.length, 12);
      }
    }
  });

  test("deleting what is not there is no error", async (store) => {
    const { checkpointer } = store;
    await checkpointer.deleteRun("pipeline", "run");
    await checkpointer.save(makeRecord());
    await checkpointer.deleteRun("pipeline", "other");
    await checkpointer.deleteRun("other", "run");
    await checkpointer.deleteRun("pipeline", "run");
    await checkpointer.deleteRun("pipeline", "run");
    await (await store.again()).deleteRun("pipeline", "run");
    assertEquals(await Array.fromAsync(checkpointer.listRuns("pipeline")), []);
  });

  test("the id of a deleted run may be used again, from the start", async (store) => {
    const { checkpointer } = store;
    let record = makeRecord({ state: { pad: manyItems("old") } });
    await checkpointer.save(record);
    for (let count = 1; count <= 12; count++) {
      const next = following(record, { state: withField(record.state, "count", count) });
      await checkpointer.save(next, changeBetween(record, next));
      record = next;
    }
    await (await store.again()).deleteRun("pipeline", "run");
    const first = makeRecord({ writer: "other", nodeId: "__start__", state: { fresh: true } });
    const second = following(first, { state: withField(first.state, "next", 1) });
    await checkpointer.save(first);
    await assertStored(checkpointer, [first]);
    await checkpointer.save(second, changeBetween(first, second));
    await assertStored(await store.again(), [second, first]);
    await assertRefused(checkpointer, makeRecord({ sequence: 1 }));
  });
}
