/**
 * Runs that are deleted while a worker is at them: nothing of them comes back.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import {
  append,
  CheckpointConflictError,
  type Checkpointer,
  type CheckpointRecord,
  definePipeline,
  unchecked,
} from "../../mod.ts";
import { changeBetween } from "../../pipeline/change.ts";
import { assertRefused, assertStored } from "./checks.ts";
import { following, makeRecord, manyItems, withField } from "./samples.ts";
import type { Test } from "./store.ts";

/** Registers the tests. */
export function testDeletions(test: Test): void {
  for (const [size, list] of [["small", ["kept"]], ["large", manyItems("kept")]] as const) {
    const [first, second, third] = threeRecords({ list });

    test(`a worker whose ${size} run was deleted saves nothing of it any more`, async (store) => {
      const { checkpointer } = store;
      const other = await store.again();
      await checkpointer.save(first);
      await checkpointer.save(second, changeBetween(first, second));
      await other.deleteRun("pipeline", "run");
      await assertRefused(checkpointer, third, changeBetween(second, third));
      await assertNothing(checkpointer);
      await assertRefused(other, third, changeBetween(second, third));
      await assertNothing(other);
    });

    test(`a ${size} run that was begun anew is no business of its old worker`, async (store) => {
      const [old, young] = [store.checkpointer, await store.again()];
      for (const length of [1, 2, 3, 4]) {
        await old.save(first);
        await old.save(second, changeBetween(first, second));
        await young.deleteRun("pipeline", "run");
        const records: [CheckpointRecord, ...CheckpointRecord[]] = [
          makeRecord({ writer: "young", state: { list } }),
        ];
        await young.save(records[0]);
        while (records.length < length) {
          const next = following(records[0], { state: withField(first.state, "of", length) });
          await young.save(next, changeBetween(records[0], next));
          records.unshift(next);
        }
        await assertRefused(old, third, changeBetween(second, third));
        await assertRefused(young, third, changeBetween(second, third));
        const next = following(records[0], { status: "completed" });
        await young.save(next, changeBetween(records[0], next));
        await assertStored(await store.again(), [next, ...records]);
        await old.deleteRun("pipeline", "run");
      }
    });
  }

  test("of runs that are deleted while they are saved nothing is left", async (store) => {
    const other = await store.again();
    let halfway = 0;
    for (let index = 0; index < 40; index++) {
      const runId = `run ${index}`;
      const steps = makeLatch(index % 10);
      const running = growing(store.checkpointer, steps.count).invoke({ list: [] }, { runId });
      const refused = assertRejects(() => running, CheckpointConflictError);
      await steps.reached;
      await other.deleteRun("growing", runId);
      await refused;
      halfway += Number(steps.counted() > index % 10);
      assertEquals(await other.loadLatest("growing", runId), undefined, runId);
      assertEquals(await Array.fromAsync(other.history("growing", runId)), [], runId);
    }
    assertEquals(await Array.fromAsync(other.listRuns("growing")), []);
    assertEquals(halfway > 0, true, "no run went on while it was deleted");
  });
}

function threeRecords(state: CheckpointRecord["state"]) {
  const first = makeRecord({ writer: "old", state });
  const second = following(first, { state: withField(first.state, "a", 1) });
  return [first, second, following(second, { state: withField(second.state, "b", 2) })] as const;
}

/** A run of many steps, and has soon become so large that changes of it are kept. */
function growing(checkpointer: Checkpointer, onStep: () => void) {
  return definePipeline({
    name: "growing",
    state: unchecked<{ list: readonly string[] }>(),
    reducers: { list: append },
    nodes: {
      add: () => {
        onStep();
        return { list: "x".repeat(500) };
      },
    },
    start: "add",
    edges: { add: "add" },
  }, { checkpointer, recursionLimit: 1_000 });
}

/** Counts, and tells when a number is reached. */
function makeLatch(number: number) {
  const { promise: reached, resolve } = Promise.withResolvers<void>();
  let counted = 0;
  return {
    reached,
    counted: () => counted,
    count() {
      if (++counted >= number) resolve();
    },
  };
}

async function assertNothing(checkpointer: Checkpointer): Promise<void> {
  assertEquals(await checkpointer.loadLatest("pipeline", "run"), undefined);
  assertEquals(await Array.fromAsync(checkpointer.history("pipeline", "run")), []);
  assertEquals(await Array.fromAsync(checkpointer.listRuns("pipeline")), []);
}
