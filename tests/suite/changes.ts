/**
 * A store may keep what a save changes instead of the whole record: nobody who loads can tell.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { CheckpointRecord, TaskRecord } from "../../mod.ts";
import { changeBetween } from "../../pipeline/change.ts";
import { chains, follow } from "./chains.ts";
import { assertRecord, assertRefused, assertStored } from "./checks.ts";
import { settle } from "./parallel.ts";
import { following, makeRecord, manyItems, withField } from "./samples.ts";
import type { Test } from "./store.ts";

type Records = readonly [CheckpointRecord, ...CheckpointRecord[]];

/** Registers the tests. */
export function testChanges(test: Test): void {
  test("a save with its change stores the same whole records as one without", async (store) => {
    const { checkpointer } = store;
    const records = growing();
    let previous: CheckpointRecord | undefined;
    for (const record of records) {
      await checkpointer.save(record, previous && changeBetween(previous, record));
      await checkpointer.save({ ...record, runId: "whole" });
      assertRecord(await checkpointer.loadLatest("pipeline", "run"), record);
      previous = record;
    }
    const newestFirst = reversed(records);
    const [latest, ...older] = newestFirst.map((record) => ({ ...record, runId: "whole" }));
    for (const instance of [checkpointer, await store.again()]) {
      await assertStored(instance, newestFirst);
      if (latest !== undefined) await assertStored(instance, [latest, ...older]);
    }
  });

  test("changes whose sequences leave some out come back with their own", async (store) => {
    const first = makeRecord({ state: { list: manyItems("first"), count: 0 } });
    let [last, older]: [CheckpointRecord, CheckpointRecord[]] = [first, []];
    await store.checkpointer.save(last);
    for (const sequence of [1, 4, 5, 9, 20, 21]) {
      const state = withField(last.state, "count", sequence);
      const next = following(last, { sequence, state });
      await store.checkpointer.save(next, changeBetween(last, next));
      [last, older] = [next, [last, ...older]];
      await assertStored(await store.again(), [last, ...older]);
    }
  });

  test("a repeated save with its change replaces the one before it", async (store) => {
    const first = makeRecord({ state: { list: manyItems("first"), a: 1 } });
    const lost = following(first, { nodeId: "lost", state: withField(first.state, "a", 2) });
    const kept = following(first, { nodeId: "kept", state: withField(first.state, "c", 3) });
    const next = following(kept, { nodeId: "next", state: withField(kept.state, "d", 4) });
    const other = await store.again();
    await store.checkpointer.save(first);
    await store.checkpointer.save(lost, changeBetween(first, lost));
    await other.save(kept, changeBetween(first, kept));
    await assertStored(store.checkpointer, [kept, first]);
    await store.checkpointer.save(next, changeBetween(kept, next));
    await store.checkpointer.save(next, changeBetween(kept, next));
    await assertStored(other, [next, kept, first]);
  });

  test("a change is refused as its whole record would be", async ({ checkpointer }) => {
    const first = makeRecord({ state: { list: manyItems("first") } });
    const second = following(first, { writer: "winner", state: withField(first.state, "a", 1) });
    const rival = following(first, { writer: "loser", state: withField(first.state, "b", 1) });
    await checkpointer.save(first);
    await checkpointer.save(second, changeBetween(first, second));
    await assertRefused(checkpointer, rival, changeBetween(first, rival));
    await assertStored(checkpointer, [second, first]);
  });

  test("whatever a run's saves change, whole records come back", async (store) => {
    const instances = [store.checkpointer, await store.again()];
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(chains, async ({ state, links }) => {
        const runId = `run ${++runs}`;
        const first = makeRecord({ runId, state });
        let newestFirst: Records = [first];
        await store.checkpointer.save(first);
        for (const link of links) {
          const [latest, ...older] = newestFirst;
          const [base] = older;
          // The first record of a run has no base: only later ones are repeated.
          const isRepeat = link.repeats && base !== undefined;
          const previous = isRepeat ? base : latest;
          const record = follow(previous, link, isRepeat ? latest : undefined);
          const change = link.whole ? undefined : changeBetween(previous, record);
          await instances[link.instance]?.save(record, change);
          newestFirst = [record, ...isRepeat ? older : newestFirst];
          await assertStored(instances[link.reader] ?? store.checkpointer, newestFirst);
        }
      }),
      { numRuns: 25 },
    );
  });

  test("who reads while another instance saves sees whole records, none missing", async (store) => {
    const [saving, reading] = [store.checkpointer, await store.again()];
    const records = growing();
    await saving.save(records[0]);
    let ended = false;
    const save = async () => {
      let previous: CheckpointRecord = records[0];
      for (const record of records.slice(1)) {
        await saving.save(record, changeBetween(previous, record));
        previous = record;
      }
    };
    const read = async () => {
      let seen = 0;
      while (!ended) {
        const latest = await reading.loadLatest("pipeline", "run");
        assertRecord(latest, records[latest?.sequence ?? 0] ?? records[0]);
        assert(latest !== undefined && latest.sequence >= seen, "the latest went back");
        seen = latest.sequence;
        const history = await Array.fromAsync(reading.history("pipeline", "run"));
        assert(history.length > seen, "the history lacks what was loaded before");
        for (const [index, record] of history.entries()) {
          assertEquals(record.sequence, history.length - 1 - index);
          assertRecord(record, records[record.sequence] ?? records[0]);
        }
        // Reads that are answered without waiting would leave the saves no time.
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
    };
    const saved = save().finally(() => ended = true);
    const { errors } = await settle([saved, read(), read()]);
    assertEquals(errors, []);
  });
}

/** The records of a run whose state is large beside what each save changes. */
function growing(): Records {
  const tasks = [1, 2, 3, 4].map((visit): TaskRecord => ({
    node: "work",
    visit,
    payload: { visit },
    status: "pending",
  }));
  const first = makeRecord({ state: { base: manyItems("base"), log: ["0"], old: 1 }, tasks });
  const records: [CheckpointRecord, ...CheckpointRecord[]] = [first];
  for (let sequence = 1; sequence <= 40; sequence++) {
    const last = records.at(-1) ?? first;
    const { log, old: _, ...rest } = last.state;
    const added = [...(Array.isArray(log) ? log : []), `${sequence}`, { sequence }];
    records.push(following(last, {
      nodeId: `node ${sequence % 3}`,
      state: { ...rest, log: added, [`field${sequence % 5}`]: sequence, ...everyOther(sequence) },
      completedNodes: [...last.completedNodes, `node ${sequence % 3}`],
      steps: sequence,
      tasks: last.tasks.map((task, index) =>
        index === sequence % 8 ? { ...task, status: "finished", update: { sequence } } : task
      ),
    }));
  }
  return records;
}

/** A field that every other state has, and the next one has no longer. */
function everyOther(sequence: number): { readonly old?: number } {
  return sequence % 2 === 1 ? {} : { old: sequence };
}

function reversed([first, ...others]: Records): Records {
  const [latest = first, ...older] = [first, ...others].toReversed();
  return [latest, ...older];
}
