/**
 * What is saved comes back, whole and untouched.
 *
 * @module
 */

import { assertEquals, assertStrictEquals } from "@std/assert";
import type { Json } from "../../mod.ts";
import { decode, encode } from "../../pipeline/codec.ts";
import { assertRecord, assertStored, sequences } from "./checks.ts";
import {
  EVERY_FIELD,
  EVERY_VALUE,
  following,
  makeRecord,
  pausedRecord,
  recordOfText,
} from "./samples.ts";
import type { Test } from "./store.ts";

/** Registers the tests. */
export function testRecords(test: Test): void {
  test("a state with every kind of value comes back as it was", async (store) => {
    const state = Object.fromEntries(
      Object.entries(EVERY_VALUE).map(([field, value]) => [field, encode(value)]),
    );
    const record = makeRecord({ state });
    await store.checkpointer.save(record);
    await assertStored(await store.again(), [record]);
    const loaded = await store.checkpointer.loadLatest("pipeline", "run");
    for (const [field, value] of Object.entries(loaded?.state ?? {})) {
      assertEquals(decode(value), Object.getOwnPropertyDescriptor(EVERY_VALUE, field)?.value);
    }
  });

  test("every field of a record comes back", async ({ checkpointer }) => {
    for (const record of EVERY_FIELD) {
      await checkpointer.save(record);
      assertRecord(await checkpointer.loadLatest("pipeline", "run"), record);
    }
    const history = await Array.fromAsync(checkpointer.history("pipeline", "run"));
    assertEquals(history.length, EVERY_FIELD.length);
    for (const record of history) assertRecord(record, EVERY_FIELD[record.sequence] ?? record);
  });

  test("any text comes back in any field", async ({ checkpointer }) => {
    const texts = [
      "\0",
      "cut in two \ud83d",
      "\udc00",
      "\u{1f600}",
      "\u0001\u001f\u007f",
      "\u2028",
    ];
    const odd = ["'", '"', "\\", "\\u0000", "$1", "$$", "{}", "null", "", " ", "\r\n", "%00", "--"];
    for (const [index, text] of [...texts, ...odd].entries()) {
      const record = { ...recordOfText(text), sequence: index };
      await checkpointer.save(record);
      assertRecord(await checkpointer.loadLatest("pipeline", "run"), record);
    }
  });

  test("a megabyte of text comes back", async ({ checkpointer }) => {
    const record = makeRecord({ state: { text: '\u00e9\u{1f600}\\"\n'.repeat(1 << 18) } });
    await checkpointer.save(record);
    assertRecord(await checkpointer.loadLatest("pipeline", "run"), record);
  });

  test("an unknown run has no latest checkpoint and no history", async ({ checkpointer }) => {
    assertStrictEquals(await checkpointer.loadLatest("pipeline", "run"), undefined);
    assertEquals(await Array.fromAsync(checkpointer.history("pipeline", "run")), []);
    await checkpointer.save(makeRecord());
    assertStrictEquals(await checkpointer.loadLatest("pipeline", "other"), undefined);
    assertStrictEquals(await checkpointer.loadLatest("other", "run"), undefined);
    assertEquals(await Array.fromAsync(checkpointer.history("pipeline", "other")), []);
    assertEquals(await Array.fromAsync(checkpointer.history("other", "run")), []);
  });

  test("the latest checkpoint is the one with the highest number", async ({ checkpointer }) => {
    const numbers = [9, 10, 99, 100, 999_999, 1_000_000, 1_000_001, 10_000_000, 2_000_000_000];
    for (const sequence of numbers) {
      // The later nodes come first in the alphabet.
      const record = makeRecord({ sequence, nodeId: sequence < 100 ? "z" : "a" });
      await checkpointer.save(record);
      assertRecord(await checkpointer.loadLatest("pipeline", "run"), record);
    }
    const history = await Array.fromAsync(checkpointer.history("pipeline", "run"));
    assertEquals(sequences(history), numbers.toReversed());
  });

  test("what the caller does to a saved record changes nothing stored", async ({ checkpointer }) => {
    const list: Json[] = [{ deep: 1 }];
    const completedNodes = ["a"];
    const record = makeRecord({ state: { list }, completedNodes });
    const copy = structuredClone(record);
    await checkpointer.save(record);
    list.push("added");
    completedNodes.push("b");
    Reflect.set(record.state, "other", true);
    Reflect.set(record, "status", "failed");
    await assertStored(checkpointer, [copy]);
  });

  test("what the caller does to a loaded record changes nothing stored", async ({ checkpointer }) => {
    const record = pausedRecord({ state: { list: [1] }, completedNodes: ["a"] });
    await checkpointer.save(record);
    const spoil = (found: object) => {
      for (const part of Object.values(found)) {
        if (typeof part === "object" && part !== null) spoil(part);
      }
      for (const key of Object.keys(found)) Reflect.set(found, key, "spoilt");
    };
    spoil(await checkpointer.loadLatest("pipeline", "run") ?? {});
    for await (const found of checkpointer.history("pipeline", "run")) spoil(found);
    for await (const found of checkpointer.listRuns("pipeline")) spoil(found);
    await assertStored(checkpointer, [record]);
    const [run] = await Array.fromAsync(checkpointer.listRuns("pipeline"));
    assertEquals(run?.pauses.map(({ reason }) => reason), ["publish?"]);
  });

  test("a second instance sees everything at once, and goes on with it", async (store) => {
    const other = await store.again();
    const first = makeRecord();
    const second = following(first, { writer: "other", status: "failed" });
    await store.checkpointer.save(first);
    await assertStored(other, [first]);
    await other.save(second);
    await assertStored(store.checkpointer, [second, first]);
    const [run] = await Array.fromAsync(store.checkpointer.listRuns("pipeline"));
    assertEquals(run?.status, "failed");
    await other.deleteRun("pipeline", "run");
    assertStrictEquals(await store.checkpointer.loadLatest("pipeline", "run"), undefined);
  });
}
