/**
 * A sequence is saved once: who saves what another worker has saved is told so.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { assertRecord, assertRefused, assertStored, saveAtOnce, sequences } from "./checks.ts";
import { listed } from "./listing.ts";
import { following, makeRecord } from "./samples.ts";
import type { Test } from "./store.ts";

/** Registers the tests. */
export function testRivals(test: Test): void {
  test("a sequence that another writer saved is refused, and the first one stays", async (store) => {
    const [one, other] = [store.checkpointer, await store.again()];
    const first = makeRecord({ writer: "one", state: { by: "one" } });
    await one.save(first);
    for (const checkpointer of [one, other]) {
      await assertRefused(checkpointer, { ...first, writer: "two", state: { by: "two" } });
      await assertRefused(checkpointer, { ...first, writer: "two", nodeId: "another node" });
      await assertRefused(checkpointer, { ...first, writer: "two", nodeId: "" });
    }
    await assertStored(one, [first]);
    await assertStored(other, [first]);
  });

  test("a save below the latest is refused, whoever saved what before", async ({ checkpointer }) => {
    const first = makeRecord({ sequence: 3, writer: "one" });
    const latest = following(first, { sequence: 12, writer: "two" });
    await checkpointer.save(first);
    await checkpointer.save(latest);
    for (const writer of ["one", "two", "three"]) {
      for (const sequence of [0, 2, 3, 4, 11]) {
        await assertRefused(checkpointer, makeRecord({ sequence, writer }));
        await assertRefused(checkpointer, makeRecord({ sequence, writer, nodeId: "another node" }));
      }
    }
    await assertRefused(checkpointer, first);
    await assertRefused(checkpointer, { ...latest, writer: "one" });
    await assertStored(checkpointer, [latest, first]);
  });

  test("a writer may repeat its own latest save", async (store) => {
    const first = makeRecord();
    const second = following(first);
    await store.checkpointer.save(first);
    await store.checkpointer.save(first);
    await assertStored(store.checkpointer, [first]);
    await store.checkpointer.save(second);
    await store.checkpointer.save(second);
    await (await store.again()).save(second);
    await assertStored(store.checkpointer, [second, first]);
  });

  test("a repeated save replaces the one before it, whatever node it names", async (store) => {
    const checkpointer = store.checkpointer;
    const first = makeRecord({ nodeId: "m", state: { value: 1, gone: true } });
    const repeats = [
      { ...first, state: { value: 2 } },
      { ...first, nodeId: "a", state: { value: 3 }, status: "failed" as const },
      { ...first, nodeId: "z", state: { value: 4 } },
      { ...first, nodeId: "m", state: { value: 5 }, status: "paused" as const },
    ];
    await checkpointer.save(first);
    for (const repeat of repeats) {
      await checkpointer.save(repeat);
      await assertStored(checkpointer, [repeat]);
      const runs = await Array.fromAsync(checkpointer.listRuns("pipeline"));
      assertEquals(runs.map(({ nodeId, status }) => [nodeId, status]), [[
        repeat.nodeId,
        repeat.status,
      ]]);
    }
    await assertRefused(checkpointer, { ...first, writer: "another" });
    const next = following(first, { nodeId: "b" });
    await checkpointer.save(next);
    const [latest = first] = repeats.toReversed();
    await assertStored(await store.again(), [next, latest]);
  });

  test("a refused save leaves no trace", async ({ checkpointer }) => {
    const old = makeRecord({ runId: "old" });
    const young = makeRecord({ runId: "young" });
    await checkpointer.save(old);
    await checkpointer.save(young);
    const before = await listed(checkpointer);
    await assertRefused(
      checkpointer,
      makeRecord({ runId: "old", writer: "rival", status: "failed" }),
    );
    assertEquals(await listed(checkpointer), before);
    assertEquals(before.map(({ runId }) => runId), ["young", "old"]);
    await assertStored(checkpointer, [old]);
  });

  test("of twenty writers that save one sequence at once, exactly one wins", async (store) => {
    const checkpointers = [store.checkpointer, await store.again()] as const;
    for (const sequence of [0, 1, 2, 3]) {
      const rivals = Array.from({ length: 20 }, (_, index) => {
        const writer = `writer ${index}`;
        return makeRecord({ sequence, writer, nodeId: `node ${index}`, state: { index } });
      });
      const [winner, ...others] = await saveAtOnce(checkpointers, rivals);
      assert(winner !== undefined && others.length === 0, `${others.length + 1} winners`);
      assertRecord(await checkpointers[0].loadLatest("pipeline", "run"), winner);
      const [stored, ...older] = await Array.fromAsync(
        checkpointers[1].history("pipeline", "run"),
      );
      assertRecord(stored, winner);
      assertEquals(older.length, sequence);
    }
  });

  test("what is saved at once under many sequences is stored or refused, never lost", async (store) => {
    const checkpointers = [store.checkpointer, await store.again()] as const;
    const rivals = Array.from({ length: 24 }, (_, index) => {
      const sequence = (index * 7) % 12;
      return makeRecord({ sequence, writer: `writer ${index}`, nodeId: `node ${index}` });
    });
    const saved = await saveAtOnce(checkpointers, rivals);
    const history = await Array.fromAsync(checkpointers[0].history("pipeline", "run"));
    const newestFirst = saved.toSorted((one, other) => other.sequence - one.sequence);
    assertEquals(sequences(history), sequences(newestFirst));
    assertEquals(history.map(({ writer }) => writer), newestFirst.map(({ writer }) => writer));
    assert(history[0]?.sequence === 11, "nothing stands above the highest sequence");
  });

  test("a worker is refused from the sequence on at which another one went on", async (store) => {
    const [slow, quick] = [store.checkpointer, await store.again()];
    const start = makeRecord({ writer: "slow" });
    await slow.save(start);
    const claim = following(start, { writer: "quick", nodeId: "__resume__" });
    await quick.save(claim);
    await assertRefused(slow, following(start));
    const end = following(claim, { nodeId: "end", status: "completed" });
    await quick.save(end);
    await assertRefused(slow, following(start));
    await assertRefused(slow, following(start, { sequence: 2 }));
    await assertStored(slow, [end, claim, start]);
  });
}
