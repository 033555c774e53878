/**
 * Leases: a worker is heard of, by the store's own clock, until another one has the run.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { Checkpointer } from "../../mod.ts";
import { changeBetween } from "../../pipeline/change.ts";
import { assertRecord } from "./checks.ts";
import { following, makeRecord, manyItems, withField } from "./samples.ts";
import type { Test } from "./store.ts";

/** Registers the tests. */
export function testLeases(test: Test): void {
  test("a save and a touch begin the idle time anew, also for other instances", async (store) => {
    const { checkpointer } = store;
    const reader = await store.again();
    const record = makeRecord({ writer: "worker", leaseMs: 30_000 });
    await checkpointer.save(record);
    assertRecord(await reader.loadLatest("pipeline", "run"), record);
    await pass(300);
    const idle = await idleMs(reader);
    assert(idle >= 250, `idle for ${idle} ms after 300 ms`);
    assertEquals(await touch(checkpointer, "worker"), true);
    const touched = await idleMs(reader);
    assert(touched < idle, `idle for ${touched} ms after a touch, ${idle} ms before`);
    await pass(300);
    const again = await idleMs(reader);
    await checkpointer.save(following(record));
    const saved = await idleMs(reader);
    assert(saved < again, `idle for ${saved} ms after a save, ${again} ms before`);
    const [summary] = await Array.fromAsync(reader.listRuns("pipeline"));
    assertEquals(summary?.leaseMs, 30_000);
    const listedIdle = summary?.idleMs ?? NaN;
    assert(listedIdle < again, `idle for ${listedIdle} ms in the list`);
  });

  test("a touch changes nothing of what is stored", async (store) => {
    const { checkpointer } = store;
    const first = makeRecord({ state: { list: manyItems("kept") } });
    const second = following(first, { state: withField(first.state, "a", 1) });
    const other = makeRecord({ runId: "other" });
    await checkpointer.save(first);
    await checkpointer.save(second, changeBetween(first, second));
    await checkpointer.save(other);
    assertEquals(await touch(checkpointer, second.writer), true);
    assertRecord(await (await store.again()).loadLatest("pipeline", "run"), second);
    const history = await Array.fromAsync(checkpointer.history("pipeline", "run"));
    assertEquals(history.map(({ sequence }) => sequence), [second.sequence, first.sequence]);
    const listed = await Array.fromAsync(checkpointer.listRuns("pipeline"));
    assertEquals(listed.map(({ runId }) => runId), ["other", "run"]);
    const third = following(second, { state: withField(second.state, "b", 2) });
    await checkpointer.save(third, changeBetween(second, third));
    assertRecord(await (await store.again()).loadLatest("pipeline", "run"), third);
  });

  test("a worker that lost its run is told so at its next touch", async (store) => {
    const [slow, quick] = [store.checkpointer, await store.again()];
    const start = makeRecord({ writer: "slow" });
    await slow.save(start);
    assertEquals(await touch(slow, "slow"), true);
    await quick.save(following(start, { writer: "quick" }));
    assertEquals(await touch(slow, "slow"), false);
    assertEquals(await touch(slow, "quick"), true);
    assertEquals(await touch(quick, "quick"), true);
    await slow.deleteRun("pipeline", "run");
    assertEquals(await touch(quick, "quick"), false);
    assertEquals(await quick.loadLatest("pipeline", "run"), undefined);
    assertEquals(await Array.fromAsync(quick.listRuns("pipeline")), []);
  });

  test("what a worker says of its lease and its recoveries comes back", async (store) => {
    const first = makeRecord({ leaseMs: 1_500, recoveries: 2, state: { list: manyItems("list") } });
    const second = following(first, {
      recoveries: undefined,
      state: withField(first.state, "a", 1),
    });
    const third = following(second, { recoveries: 1, state: withField(second.state, "a", 2) });
    await store.checkpointer.save(first);
    await store.checkpointer.save(second, changeBetween(first, second));
    await store.checkpointer.save(third, changeBetween(second, third));
    const history = await Array.fromAsync((await store.again()).history("pipeline", "run"));
    assertEquals(
      history.map(({ leaseMs, recoveries }) => [leaseMs, recoveries]),
      [[1_500, 1], [1_500, undefined], [1_500, 2]],
    );
  });
}

/** Touches the run, which every backend of this package can. */
async function touch(checkpointer: Checkpointer, writer: string): Promise<boolean> {
  assert(checkpointer.touch !== undefined, "the store keeps no leases");
  return await checkpointer.touch("pipeline", "run", writer);
}

async function idleMs(checkpointer: Checkpointer): Promise<number> {
  const record = await checkpointer.loadLatest("pipeline", "run");
  assert(record?.idleMs !== undefined, "the store does not tell since when a run is idle");
  return record.idleMs;
}

function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
