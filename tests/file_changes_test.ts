import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { FileCheckpointer } from "../backends/file.ts";
import { append, type CheckpointRecord, definePipeline, END, unchecked } from "../mod.ts";
import { changeBetween } from "../pipeline/change.ts";
import { recordToText } from "../pipeline/record.ts";
import { filesBelow, watched, withRoot } from "./file_probes.ts";
import { WIDE_RUNS, wideRun } from "./growth.ts";
import { type Event, record } from "./power_loss/recording.ts";
import { assertRefused, assertStored } from "./suite/checks.ts";
import { following, makeRecord, manyItems, withField } from "./suite/samples.ts";

/** A run of large records, the first one first: all but that are stored as changes. */
function largeRun(length: number, more: Partial<CheckpointRecord> = {}): CheckpointRecord[] {
  const records = [makeRecord({ state: { pad: manyItems("pad"), count: 0 }, ...more })];
  for (let count = 1; count < length; count++) records.push(counted(records.at(-1), count));
  return records;
}

function counted(previous = makeRecord(), count: number): CheckpointRecord {
  return following(previous, { state: withField(previous.state, "count", count) });
}

/** Saves records with their changes, the first one against the one before it if there is one. */
async function saveAll(
  store: FileCheckpointer,
  records: readonly CheckpointRecord[],
  before?: CheckpointRecord,
): Promise<void> {
  let previous = before;
  for (const record of records) {
    await store.save(record, previous && changeBetween(previous, record));
    previous = record;
  }
}

async function isWhole(path: string): Promise<boolean> {
  return "state" in JSON.parse(await Deno.readTextFile(path));
}

async function bytesBelow(root: string): Promise<number> {
  let bytes = 0;
  for (const path of await filesBelow(root)) {
    if (path.endsWith(".json")) bytes += (await Deno.stat(join(root, path))).size;
  }
  return bytes;
}

Deno.test("a cycle of 1,000 steps that appends 50 bytes a step stores at most 500 bytes a step", async () => {
  await withRoot(async (root) => {
    const cycle = definePipeline({
      name: "cycle",
      state: unchecked<{ count: number; log: string[] }>(),
      reducers: { log: append },
      nodes: { add: (state) => ({ count: state.count + 1, log: "x".repeat(50) }) },
      start: "add",
      edges: { add: (state) => state.count < 1_000 ? "add" : END },
    }, { checkpointer: new FileCheckpointer(root, { sync: false }), recursionLimit: Infinity });
    await cycle.invoke({ count: 0, log: [] });
    const stored = await bytesBelow(root);
    assert(stored <= 500 * 1_000, `${stored} bytes`);
    // The start, and the head and `.latest`, two more names of the last one.
    assertEquals((await filesBelow(root)).length, 1_000 + 1 + 2);
  });
});

Deno.test("100 steps over a constant field of 1 MB store at most 1.2 MB", async () => {
  await withRoot(async (root) => {
    const checkpointer = new FileCheckpointer(root, { sync: false });
    const steps = definePipeline({
      name: "steps",
      state: unchecked<{ count: number; text: string }>(),
      nodes: { add: (state) => ({ count: state.count + 1 }) },
      start: "add",
      edges: { add: (state) => state.count < 100 ? "add" : END },
    }, { checkpointer, recursionLimit: Infinity });
    const text = "x".repeat(1_000_000);
    const { runId } = await steps.invoke({ count: 0, text });
    const stored = await bytesBelow(root);
    assert(stored <= 1_200_000, `${stored} bytes`);
    const latest = await new FileCheckpointer(root).loadLatest("steps", runId);
    assertEquals([latest?.status, latest?.state], ["completed", { count: 100, text }]);
  });
});

for (const { width, mostBytes } of WIDE_RUNS) {
  Deno.test(`a fan-out of ${width} beside a constant megabyte stores ${mostBytes} bytes at most`, async () => {
    await withRoot(async (root) => {
      await wideRun(new FileCheckpointer(root, { sync: false }), "run", width);
      const stored = await bytesBelow(root);
      assert(stored <= mostBytes, `${stored} bytes`);
    });
  });
}

Deno.test("small records are whole; of a large one, a file named like it holds what changed", async () => {
  await withRoot(async (root) => {
    const [store] = watched(root);
    const small = makeRecord({ runId: "small", state: { count: 0 } });
    await saveAll(store, [small, counted(small, 1)]);
    await saveAll(store, largeRun(2));
    assert(await isWhole(join(root, "pipeline/small/000001_node.json")));
    assert(await isWhole(join(root, "pipeline/run/000000_node.json")));
    const change = JSON.parse(await Deno.readTextFile(join(root, "pipeline/run/000001_node.json")));
    assertEquals([change.sequence, change.node_id, change.set], [1, "node", { count: 1 }]);
    assert(!("state" in change));
  });
});

const damages: readonly { readonly name: string; damage(path: string): Promise<void> }[] = [
  { name: "torn", damage: (path) => Deno.truncate(path, 20) },
  { name: "empty", damage: (path) => Deno.truncate(path, 0) },
  { name: "missing", damage: (path) => Deno.remove(path) },
  {
    name: "another writer's",
    damage: (path) => rewrite(path, (change) => ({ ...change, writer: "alien" })),
  },
  {
    name: "of another form",
    damage: (path) => rewrite(path, (change) => ({ ...change, appended: { count: 1 } })),
  },
  { name: "a newer one's", damage: (path) => rewrite(path, (c) => ({ ...c, sequence: 7 })) },
];

async function rewrite(path: string, edit: (change: object) => object): Promise<void> {
  const text = JSON.stringify(edit(JSON.parse(await Deno.readTextFile(path))));
  await Deno.remove(path);
  await Deno.writeTextFile(path, text);
}

for (const { name, damage } of damages) {
  Deno.test(`a change that is ${name} hides those above it, nothing below, and is no obstacle`, async () => {
    await withRoot(async (root) => {
      const [store, warnings] = watched(root);
      const records = largeRun(6);
      await saveAll(store, records);
      await damage(join(root, "pipeline/run/000003_node.json"));
      const [first, second, third] = records;
      assert(first !== undefined && second !== undefined && third !== undefined);

      await assertStored(store, [third, second, first]);
      const told = new Set(warnings.map(({ path }) => path.split("/").at(-1)));
      for (const hidden of ["000004_node.json", ".head-000005"]) assert(told.has(hidden), hidden);
      assertEquals(told.has("000003_node.json"), name !== "missing");

      // Whoever goes on takes the sequences again, and the same names.
      const resume = { at: third.savedAt, approved: [] };
      const claim = following(third, { nodeId: "__resume__", writer: "next", resume });
      const rest: CheckpointRecord[] = [];
      for (let count = 4; count < 8; count++) rest.push(counted(rest.at(-1) ?? claim, count));
      const [next] = watched(root);
      await saveAll(next, [claim]);
      for (const [index, record] of rest.entries()) {
        await saveAll(next, [record], rest[index - 1] ?? claim);
        const newestFirst = [...rest.slice(0, index)].reverse();
        await assertStored(watched(root)[0], [record, ...newestFirst, claim, third, second, first]);
      }
    });
  });
}

Deno.test("a chain whose whole record is gone is told, and the run goes on below it", async () => {
  await withRoot(async (root) => {
    const [store, warnings] = watched(root);
    const small = makeRecord({ state: { count: 0 } });
    const [base, ...changes] = largeRun(3, { sequence: 1 });
    assert(base !== undefined);
    await saveAll(store, [small, base, ...changes]);
    await Deno.remove(join(root, "pipeline/run/000001_node.json"));
    await assertStored(store, [small]);
    assert(warnings.every(({ message }) => message.includes("checkpoint 1 before it is missing")));
    assertEquals(warnings.length > 0, true);
  });
});

Deno.test("a record is stored whole where the checkpoint that it changes is not the latest head", async () => {
  await withRoot(async (root) => {
    const [store] = watched(root);
    const [first, second] = largeRun(2);
    assert(first !== undefined && second !== undefined);
    await saveAll(store, [first]);
    await Deno.remove(join(root, "pipeline/run/.head-000000"));
    await saveAll(store, [second], first);
    assert(await isWhole(join(root, "pipeline/run/000001_node.json")));
    await assertStored(watched(root)[0], [second, first]);
  });
});

Deno.test("a save into a folder of 1,000 checkpoints asks for what a save into one of 10 does", async () => {
  await withRoot(async (root) => {
    const [store] = watched(root);
    let last = makeRecord();
    const asked: string[] = [];
    const { readDirSync } = Deno;
    await record(async ({ events }) => {
      await store.save(last);
      Deno.readDirSync = () => {
        throw new Error("a save listed the folder");
      };
      while (last.sequence < 1_000) {
        const before = events.length;
        last = following(last);
        await store.save(last);
        asked.push(events.slice(before).map(nameOfCall).join(" "));
      }
    }).finally(() => Deno.readDirSync = readDirSync);
    assertEquals(new Set(asked), new Set(["link write unlink link unlink link rename"]));
  });
});

function nameOfCall(event: Event): string {
  return event.kind === "journal" ? event.entry.kind : event.kind;
}

Deno.test("of two writers whose ids begin alike, one cannot repeat the other's change", async () => {
  await withRoot(async (root) => {
    const [store] = watched(root);
    const [first, second] = largeRun(2, { writer: "writer 1" });
    assert(first !== undefined && second !== undefined);
    await saveAll(store, [first, second]);
    assert(!await isWhole(join(root, "pipeline/run/000001_node.json")));
    await assertRefused(watched(root)[0], { ...second, writer: "writer 10" });
    const again = { ...second, nodeId: "again" };
    await saveAll(watched(root)[0], [again], first);
    await assertStored(store, [again, first]);
  });
});

Deno.test("a list of runs is read from the latest file of each", async () => {
  await withRoot(async (root) => {
    const [store] = watched(root);
    await saveAll(store, largeRun(5));
    const read: string[] = [];
    const note = (path: string | URL) => read.push(String(path).split("/").at(-1) ?? "");
    const { openSync, readTextFileSync } = Deno;
    Deno.openSync = (path, options) => {
      if (options?.write !== true) note(path);
      return openSync(path, options);
    };
    Deno.readTextFileSync = (path) => {
      note(path);
      return readTextFileSync(path);
    };
    try {
      const runs = await Array.fromAsync(store.listRuns("pipeline"));
      assertEquals(runs.map(({ runId, sequence }) => [runId, sequence]), [["run", 4]]);
    } finally {
      Object.assign(Deno, { openSync, readTextFileSync });
    }
    assertEquals(read, [".latest"]);
  });
});

Deno.test("a run whose folder does not tell its id is listed under its id", async () => {
  for (const runId of ["a/b", "%", "x".repeat(1_000)]) {
    await withRoot(async (root) => {
      const [store] = watched(root);
      const records = largeRun(3, { runId });
      await saveAll(store, records);
      assert(!await isWhole(join(root, (await filesBelow(root)).at(-1) ?? "")));
      const [listed] = await Array.fromAsync(store.listRuns("pipeline"));
      assertEquals([listed?.runId, listed?.savedAt], [runId, records[2]?.savedAt]);
    });
  }
});

Deno.test("the head of a writer that came too late and died gets no name", async () => {
  const resume = { at: "2026-01-01T00:00:00.000Z", approved: [] };
  for (const goesOn of [{ resume, nodeId: "__resume__" }, { sequence: 5 }]) {
    await withRoot(async (root) => {
      const [store] = watched(root);
      const [first, second, last] = largeRun(3);
      assert(first !== undefined && second !== undefined && last !== undefined);
      await saveAll(store, [first, second, last]);
      const late = following(first, { writer: "late", nodeId: "late" });
      await Deno.writeTextFile(join(root, "pipeline/run/.head-000001"), recordToText(late));
      const [next] = watched(root);
      const latest = following(last, { writer: "next", ...goesOn });
      await next.save(latest);
      await assertStored(next, [latest, last, second, first]);
      const names = await filesBelow(join(root, "pipeline/run"));
      assertEquals(names.filter((name) => name.startsWith(".head") || name.includes("_late")), [
        `.head-00000${latest.sequence}`,
      ]);
      await assertRefused(store, late);
    });
  }
});
