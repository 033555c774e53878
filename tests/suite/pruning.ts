/**
 * Retention: the past goes where it is told to, and never what a run needs.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  append,
  type Checkpointer,
  definePipeline,
  END,
  pause,
  type PruneOptions,
  unchecked,
} from "../../mod.ts";
import { changeBetween } from "../../pipeline/change.ts";
import { assertRecord, assertRefused, sequences } from "./checks.ts";
import { following, makeRecord, manyItems, withField } from "./samples.ts";
import type { Test } from "./store.ts";

/** Registers the tests. */
export function testPruning(test: Test): void {
  test("the past of a run is trimmed, and what is left is as it was", async (store) => {
    const { checkpointer } = store;
    const other = makeRecord({ runId: "other" });
    await checkpointer.save(other);
    const records = [makeRecord()];
    for (let count = 1; count < 10; count++) {
      records.push(following(records.at(-1) ?? other, { state: { count } }));
    }
    for (const record of records) await checkpointer.save(record);
    assertEquals(await trimAll(checkpointer, 7), 7);
    assertEquals(await trimAll(checkpointer, 7), 0);
    const reader = await store.again();
    const history = await Array.fromAsync(reader.history("pipeline", "run"));
    assertEquals(sequences(history), [9, 8, 7]);
    for (const record of history) assertRecord(record, records[record.sequence] ?? other);
    assertEquals(await trimAll(checkpointer, Infinity), 2);
    assertRecord(await reader.loadLatest("pipeline", "run"), records[9] ?? other);
    assertRecord(await reader.loadLatest("pipeline", "other"), other);
    assertEquals(await trimAll(checkpointer, 5, "nobody"), 0);
    // A late writer is refused, also where what it would have met is gone.
    await assertRefused(checkpointer, { ...makeRecord({ sequence: 4 }), writer: "late" });
  });

  test("what is left of changes can still be read, wherever the cut is", async (store) => {
    const { checkpointer } = store;
    const first = makeRecord({ state: { list: manyItems("kept") } });
    for (const below of [1, 3, 4, 6, Infinity]) {
      const runId = `below ${below}`;
      const records = [{ ...first, runId }];
      await checkpointer.save({ ...first, runId });
      for (let count = 1; count < 7; count++) {
        const last = records.at(-1) ?? first;
        // The fourth is a claim: whole again, and what follows is a chain of its own.
        const writer = count < 4 ? "one" : "two";
        const next = following(last, { writer, state: withField(last.state, "count", count) });
        await checkpointer.save(next, changeBetween(last, next));
        records.push(next);
      }
      await trimAll(checkpointer, below, runId);
      const history = await Array.fromAsync((await store.again()).history("pipeline", runId));
      const kept = records.filter(({ sequence }) => sequence >= Math.min(below, 6));
      assert(history.length >= kept.length, `${history.length} are left below ${below}`);
      for (const record of history) assertRecord(record, records[record.sequence] ?? first);
    }
  });

  test("runs that ended are pruned by age, number and status, and others never", async (store) => {
    const pipeline = jobs(store.checkpointer);
    for (const runId of ["done 1", "done 2"]) await pipeline.invoke({ kind: "done" }, { runId });
    await pipeline.invoke({ kind: "failed" }, { runId: "failed" });
    await pipeline.invoke({ kind: "paused" }, { runId: "paused" });
    await pipeline.invoke({ kind: "paused" }, { runId: "cancelled" });
    await pipeline.cancel("cancelled");
    await store.checkpointer.save(makeRecord({ pipelineName: "jobs", runId: "running" }));
    const elsewhere = jobs(await store.again());
    assertEquals(await elsewhere.prune({ olderThanMs: 3_600_000 }), { runs: 0, checkpoints: 0 });
    assertEquals((await left(elsewhere)).length, 6);
    const some = await elsewhere.prune({ keepLast: 1, status: "completed" });
    assert(some.runs === 0 && some.checkpoints >= 2, JSON.stringify(some));
    assertEquals((await elsewhere.resume("done 1")).status, "completed");
    assertEquals(await elsewhere.prune({ olderThanMs: 0, status: "failed" }), {
      runs: 1,
      checkpoints: 0,
    });
    assertEquals(await left(elsewhere), ["cancelled", "done 1", "done 2", "paused", "running"]);
    assertEquals((await elsewhere.prune({ olderThanMs: 0 })).runs, 3);
    assertEquals(await left(elsewhere), ["paused", "running"]);
    const result = await elsewhere.resume("paused", { approvePause: true });
    assertEquals(result.status, "completed");
  });

  test("a prune that says nothing, or too much, is refused", async ({ checkpointer }) => {
    const pipeline = jobs(checkpointer);
    const misuses: readonly unknown[] = [{}, { status: "completed" }, {
      olderThanMs: 0,
      status: "running",
    }, { keepLast: 1, status: ["paused"] }];
    for (const misuse of misuses) {
      await assertRejects(() => pipeline.prune(misuse as PruneOptions), TypeError, "Cannot prune");
    }
    for (const misuse of [{ olderThanMs: -1 }, { keepLast: -1 }, { keepLast: NaN }]) {
      await assertRejects(() => pipeline.prune(misuse), RangeError);
    }
  });

  test("a run that keeps no past can be gone on with like any other", async (store) => {
    const define = (checkpointer: Checkpointer) =>
      definePipeline({
        name: "forgetful",
        state: unchecked<{ log: number[] }>(),
        reducers: { log: append },
        nodes: {
          add: (state) => ({ log: state.log.length }),
          ask: () => pause("more?"),
        },
        start: "add",
        edges: { add: (state) => state.log.length % 50 === 0 ? "ask" : "add", ask: END },
      }, { checkpointer, history: "latest", recursionLimit: Infinity });
    const pipeline = define(store.checkpointer);
    await pipeline.invoke({ log: [] }, { runId: "r" });
    const history = await Array.fromAsync(pipeline.history("r"));
    assert(history.length < 50, `${history.length} checkpoints of 52 are left`);
    const result = await define(await store.again()).resume("r", { approvePause: true });
    assertEquals([result.status, result.state.log.length], ["completed", 50]);
  });
}

function jobs(checkpointer: Checkpointer) {
  return definePipeline({
    name: "jobs",
    state: unchecked<{ kind: string }>(),
    nodes: {
      begin: () => {},
      end: ({ kind }) => {
        if (kind === "failed") throw new Error("no");
        if (kind === "paused") return pause("yes?");
      },
    },
    start: "begin",
    edges: { begin: "end", end: END },
  }, { checkpointer });
}

async function left(pipeline: ReturnType<typeof jobs>): Promise<readonly string[]> {
  return (await Array.fromAsync(pipeline.listRuns())).map(({ runId }) => runId).sort();
}

/** Trims a run as often as there is something to be trimmed; comes back with how much that was. */
async function trimAll(checkpointer: Checkpointer, below: number, runId = "run"): Promise<number> {
  assert(checkpointer.trim !== undefined, "the store cannot trim");
  let all = 0;
  for (;;) {
    const some = await checkpointer.trim("pipeline", runId, below);
    if (some === 0) return all;
    all += some;
  }
}
