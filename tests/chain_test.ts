import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { CheckpointRecord } from "../mod.ts";
import { makeChains } from "../backends/postgres_chains.ts";
import { changeBetween } from "../pipeline/change.ts";
import { recordToText } from "../pipeline/record.ts";
import { foldHistory, foldLatest } from "../pipeline/stored_chain.ts";
import { isStoredChange, type StoredChange, toStoredChange } from "../pipeline/stored_change.ts";
import { chains as randomChains, follow } from "./suite/chains.ts";
import { assertRecord } from "./suite/checks.ts";
import { EVERY_FIELD, following, makeRecord, manyItems, withField } from "./suite/samples.ts";

const LARGE = makeRecord({ state: { pad: manyItems("pad"), count: 0 } });

function counted(previous: CheckpointRecord, count: number): CheckpointRecord {
  return following(previous, { state: withField(previous.state, "count", count) });
}

/** Saves a record as a store does; what it stored. */
function save(
  chains: ReturnType<typeof makeChains>,
  record: CheckpointRecord,
  previous?: CheckpointRecord,
): { readonly text: string; readonly isChange: boolean } {
  const planned = chains.plan(record, previous && changeBetween(previous, record));
  if (planned !== undefined) {
    chains.savedChange(record, planned);
    return { text: planned.text, isChange: true };
  }
  const text = recordToText(record);
  chains.savedWhole(record, text.length);
  return { text, isChange: false };
}

/** A change as a store gives it back. */
function stored(record: CheckpointRecord, previous: CheckpointRecord, base = previous) {
  const before = { savedMs: Date.parse(base.savedAt), steps: previous.steps };
  const text = JSON.stringify(toStoredChange(record, changeBetween(previous, record), before));
  const change: unknown = JSON.parse(text);
  assert(isStoredChange(change), JSON.stringify(change));
  return change;
}

Deno.test("a small record is stored whole, a small change of a large one as a change", () => {
  const chains = makeChains();
  const small = makeRecord({ runId: "small", state: { count: 0 } });
  save(chains, small);
  assertEquals(save(chains, counted(small, 1), small).isChange, false);
  assertEquals(save(chains, LARGE).isChange, false);
  assertEquals(save(chains, counted(LARGE, 1), LARGE).isChange, true);
});

Deno.test("a change that renames what finished before is stored as the record", () => {
  const chains = makeChains();
  save(chains, LARGE);
  const next = counted(LARGE, 1);
  const change = { ...changeBetween(LARGE, next), replacesCompletedNodes: true };
  assertEquals(chains.plan(next, change), undefined);
});

Deno.test("a change of more than half a record is stored as the record", () => {
  const chains = makeChains();
  save(chains, LARGE);
  const rewritten = following(LARGE, { state: withField(LARGE.state, "pad", manyItems("new")) });
  assertEquals(save(chains, rewritten, LARGE).isChange, false);
});

Deno.test("only the same writer's next save, handed along with its change, is stored as one", () => {
  const second = counted(LARGE, 1);
  const change = changeBetween(LARGE, second);
  const fresh = makeChains();
  assertEquals(fresh.plan(second, change), undefined);
  const chains = makeChains();
  save(chains, LARGE);
  assert(chains.plan(second, change) !== undefined);
  assertEquals(chains.plan(second, undefined), undefined);
  assertEquals(chains.plan({ ...second, writer: "other" }, change), undefined);
  assertEquals(chains.plan({ ...second, runId: "other" }, change), undefined);
  assertEquals(chains.plan(second, { ...change, since: 7 }), undefined);
  assertEquals(chains.plan({ ...second, sequence: 0 }, change), undefined);
  chains.forget({ pipelineName: "pipeline", runId: "other" });
  assert(chains.plan(second, change) !== undefined);
  chains.forget(LARGE);
  assertEquals(chains.plan(second, change), undefined);
});

Deno.test("no change is stored after a record with which a call ended", () => {
  for (const status of ["paused", "failed", "completed", "cancelled"] as const) {
    const chains = makeChains();
    const ended = { ...LARGE, status };
    save(chains, ended);
    assertEquals(save(chains, counted(ended, 1), ended).isChange, false);
  }
});

Deno.test("pipelines and runs whose names run together have chains of their own", () => {
  const chains = makeChains();
  const one = { ...LARGE, pipelineName: "ab", runId: "c" };
  const other = { ...LARGE, pipelineName: "a", runId: "bc" };
  save(chains, one);
  assertEquals(save(chains, counted(other, 1), other).isChange, false);
  assertEquals(save(chains, counted(one, 1), one).isChange, true);
});

for (const [mostRead, mostBytes] of [[2, 400], [1.6, 440]] as const) {
  Deno.test(`of a run that grows for long, loading reads ${mostRead} times the record, storing little more`, () => {
    const chains = makeChains({ mostRead });
    let last = makeRecord({ state: { log: ["begin"] } });
    save(chains, last);
    let [whole, changes, all, largest] = [recordToText(last).length, 0, 0, 0];
    for (let step = 1; step <= 3_000; step++) {
      const log = Array.isArray(last.state.log) ? last.state.log : [];
      const next = following(last, { state: { log: [...log, `${step} ${"x".repeat(50)}`] } });
      const { text, isChange } = save(chains, next, last);
      all += text.length;
      [whole, changes] = isChange ? [whole, changes + text.length] : [text.length, 0];
      largest = Math.max(largest, (whole + changes) / recordToText(next).length);
      last = next;
    }
    assert(largest < mostRead + 0.1, `${largest} times the record`);
    assert(all < 3_000 * mostBytes, `${all / 3_000} bytes a step`);
  });
}

Deno.test("a store may keep a text of its own of a change, which tells its time if it is to", () => {
  const textOf = ({ sequence, saved_at, after_ms }: StoredChange) =>
    `${sequence} at ${saved_at ?? after_ms}`;
  const second = { ...counted(LARGE, 1), savedAt: "2026-01-01T00:00:02.000Z" };
  for (const [tellsTime, time] of [[true, second.savedAt], [false, 2_000]] as const) {
    const chains = makeChains({ textOf, tellsTime });
    const first = { ...LARGE, savedAt: "2026-01-01T00:00:00.000Z" };
    save(chains, first);
    assertEquals(save(chains, second, first).text, `1 at ${time}`);
  }
});

Deno.test("folding a chain gives every record back that it was made of, newest first", () => {
  fc.assert(
    fc.property(randomChains, ({ state, links }) => {
      const records = [makeRecord({ state })];
      for (const link of links) {
        records.push(follow(records.at(-1) ?? LARGE, { ...link, claims: false }, undefined));
      }
      assertFolds(records);
    }),
    { numRuns: 300 },
  );
});

Deno.test("folding a chain gives every field of a record back", () => {
  const records = EVERY_FIELD.map((record, index) => ({
    ...record,
    completedNodes: Array.from({ length: index }, () => "work"),
  }));
  assertFolds(records);
  assertFolds(records.map((record) => ({ ...record, savedAt: "not by a clock" })));
});

Deno.test("a history longer than what is folded at a time has no seams", () => {
  const records = [LARGE];
  for (let count = 1; count <= 160; count++) records.push(counted(records.at(-1) ?? LARGE, count));
  assertFolds(records);
});

Deno.test("changes are refused that do not follow each other, or are of another writer", () => {
  const [second, third, fourth] = [1, 2, 3].reduce(
    (records, count) => [...records, counted(records.at(-1) ?? LARGE, count)],
    [LARGE],
  ).slice(1);
  assert(second !== undefined && third !== undefined && fourth !== undefined);
  const changes = [stored(second, LARGE), stored(third, second), stored(fourth, third)] as const;
  const alien = { ...changes[1], writer: "alien" };
  const chains: readonly (readonly StoredChange[])[] = [
    [changes[1]],
    [changes[0], changes[2]],
    [changes[0], changes[0]],
    [changes[0], changes[2], changes[1]],
    [changes[0], alien],
  ];
  for (const chain of chains) {
    assertThrows(() => foldLatest(LARGE, chain, "a test"), TypeError, "Cannot read a test");
    assertThrows(() => [...foldHistory(LARGE, chain, "a test")], TypeError, "Cannot read a test");
  }
});

Deno.test("what is no change of ours is not taken for one", () => {
  const change = stored(counted(LARGE, 1), LARGE);
  assert(isStoredChange(change));
  const whole: unknown = JSON.parse(recordToText(LARGE));
  const others: readonly unknown[] = [
    whole,
    null,
    [],
    "change",
    { ...change, state: {} },
    { ...change, sequence: "1" },
    { ...change, sequence: 1.5 },
    { ...change, since: "0" },
    { ...change, writer: 1 },
    { ...change, node_id: undefined },
    { ...change, steps: null },
    { ...change, set: [] },
    { ...change, removed: "a" },
    { ...change, removed: [1] },
    { ...change, appended: { log: 1 } },
    { ...change, completed: {} },
    { ...change, tasks: [null] },
    { ...change, finished: [1] },
    { ...change, pending_edges: "a" },
  ];
  for (const other of others) assertEquals(isStoredChange(other), false, JSON.stringify(other));
});

Deno.test("a task that is still to be done is stored as its node and visit", () => {
  const answered = { node: "ask", visit: 1, status: "pending", answer: 4 } as const;
  const next = following(LARGE, {
    tasks: [{ node: "add", visit: 2, status: "pending" }, answered],
  });
  const change = stored(next, LARGE);
  assertEquals(change.tasks, [["add", 2], { node: "ask", visit: 1, answer: 4 }]);
  const spelledOut = { ...change, tasks: [{ node: "add", visit: 2 }, answered] };
  assert(isStoredChange(spelledOut));
  for (const one of [change, spelledOut]) {
    assertRecord(foldLatest(LARGE, [one], "a test"), next);
  }
});

/** Asserts that records of one writer come back from their chain, the last one and all. */
function assertFolds(records: readonly CheckpointRecord[]): void {
  const [base, ...others] = records;
  assert(base !== undefined);
  const changes = others.map((record, index) => stored(record, records[index] ?? base, base));
  assertRecord(foldLatest(base, changes, "a test"), records.at(-1) ?? base);
  const history = [...foldHistory(base, changes, "a test")];
  assertEquals(history.length, records.length);
  for (const [index, record] of records.toReversed().entries()) {
    assertRecord(history[index], record);
  }
}
