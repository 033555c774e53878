import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { CheckpointRecord } from "../mod.ts";
import { makeChains } from "../backends/postgres_chains.ts";
import { changeBetween } from "../pipeline/change.ts";
import { leadingTo } from "../pipeline/cover.ts";
import { foldHistory, foldLatest } from "../pipeline/stored_chain.ts";
import { isStoredChange, type StoredChange } from "../pipeline/stored_change.ts";
import { chains as randomChains, follow, type Link } from "./suite/chains.ts";
import { assertRecord } from "./suite/checks.ts";
import { following, makeRecord, manyItems, withField } from "./suite/samples.ts";

const LARGE = makeRecord({ state: { pad: manyItems("pad"), list: ["a"] } });

/** What a store keeps of one run whose chain has changes that stand for several. */
function makeKeeper(base: CheckpointRecord) {
  const chains = makeChains({
    longestCovered: 1_024,
    mostRead: Infinity,
    wholePerChange: Infinity,
  });
  chains.savedWhole(base, JSON.stringify(base).length);
  const records = [base];
  const changes: StoredChange[] = [];
  return {
    records,
    changes,
    /** Saves a record; whether it was stored as a change. */
    save(record: CheckpointRecord): boolean {
      const planned = chains.plan(record, changeBetween(records.at(-1) ?? base, record));
      if (planned === undefined) return false;
      chains.savedChange(record, planned);
      const change: unknown = JSON.parse(planned.text);
      assert(isStoredChange(change), planned.text);
      records.push(record);
      changes.push(change);
      return true;
    },
  };
}

/** The changes that a loader asks for, and the latest one. */
function asked(base: CheckpointRecord, changes: readonly StoredChange[]): readonly StoredChange[] {
  const last = changes.at(-1);
  if (last === undefined || last.needs_all) return changes;
  const wanted = new Set(leadingTo(base.sequence, last.sequence));
  return changes.filter(({ sequence }) => wanted.has(sequence) || sequence === last.sequence);
}

function logged(last: CheckpointRecord, text: string): CheckpointRecord {
  const list = Array.isArray(last.state.list) ? last.state.list : [];
  return following(last, { state: withField(last.state, "list", [...list, text]) });
}

Deno.test("of a chain of 1,000 changes, one in sixteen and the last few lead to the latest", () => {
  const { records, changes, save } = makeKeeper(LARGE);
  while (changes.length < 1_000) {
    assert(save(logged(records.at(-1) ?? LARGE, `item ${changes.length}`)));
  }
  const read = asked(LARGE, changes);
  assertEquals(read.length, Math.floor(1_000 / 16) + 1_000 % 16);
  assertRecord(foldLatest(LARGE, read, "a test"), records.at(-1) ?? LARGE);
  assertRecord(foldLatest(LARGE, changes, "a test"), records.at(-1) ?? LARGE);
});

Deno.test("whatever the changes of a run, those that a loader asks for and all of them tell the same", () => {
  let covering = 0;
  const links = fc.tuple(randomChains, fc.array(randomChains, { minLength: 6, maxLength: 8 }))
    .map(([first, more]) => [first, ...more].flatMap((chain): readonly Link[] => chain.links));
  fc.assert(
    fc.property(links, (links) => {
      const { records, changes, save } = makeKeeper(LARGE);
      for (const link of links) {
        const last = records.at(-1) ?? LARGE;
        const plain = { ...link, claims: false, gap: 0, status: 0 };
        const next = { ...follow(last, plain, undefined), status: "running" as const };
        if (!save({ ...next, paused: false })) break;
        assertRecord(foldLatest(LARGE, asked(LARGE, changes), "a test"), records.at(-1) ?? LARGE);
      }
      covering += changes.filter(({ since }) => since !== undefined).length;
      const history = [...foldHistory(LARGE, changes, "a test")];
      for (const [index, record] of records.toReversed().entries()) {
        assertRecord(history[index], record);
      }
      assertEquals(history.length, records.length);
    }),
    { numRuns: 100 },
  );
  assert(covering > 50, `${covering} changes stood for several`);
});

Deno.test("after a gap, and after much at once, a chain says that all of it is needed", () => {
  for (const odd of ["gap", "much"]) {
    const { records, changes, save } = makeKeeper(LARGE);
    while (changes.length < 40) {
      const next = logged(records.at(-1) ?? LARGE, odd === "much" ? "x".repeat(200) : "x");
      const leavesOut = odd === "gap" && changes.length === 20;
      assert(save(leavesOut ? { ...next, sequence: next.sequence + 3 } : next));
      assertRecord(foldLatest(LARGE, asked(LARGE, changes), "a test"), records.at(-1) ?? LARGE);
    }
    const first = changes.findIndex(({ needs_all }) => needs_all);
    assertEquals(first, odd === "gap" ? 20 : 15);
    assert(changes.slice(first).every(({ needs_all }) => needs_all), odd);
    const history = [...foldHistory(LARGE, changes, "a test")];
    assertEquals(history.map(({ sequence }) => sequence), records.map((r) => r.sequence).reverse());
  }
});

Deno.test("a chain without changes that stand for several ends earlier than one with them", () => {
  for (const [text, most] of [["x", 1_024], ["x".repeat(200), 384]] as const) {
    const { changes, records, save } = makeKeeper(LARGE);
    while (save(logged(records.at(-1) ?? LARGE, text)));
    assertEquals(changes.length, most, text);
  }
});
