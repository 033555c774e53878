import { assert, assertEquals } from "@std/assert";
import { join, relative } from "@std/path";
import { FileCheckpointer } from "../backends/file.ts";
import { CheckpointConflictError, type Checkpointer, type CheckpointRecord } from "../mod.ts";
import { changeBetween } from "../pipeline/change.ts";
import { filesBelow, withRoot } from "./file_probes.ts";
import { type Event, record, type Recording } from "./power_loss/recording.ts";
import { everyLoss, type Loss, plant } from "./power_loss/trees.ts";
import { assertRecord, assertStored } from "./suite/checks.ts";
import { following, makeRecord, manyItems, nextTime, withField } from "./suite/samples.ts";

/** What a test tells of a save: that it begins, and that it returned. */
interface Told {
  readonly save: "began" | "returned";
  readonly record: CheckpointRecord;
}

type Save = (
  checkpointer: Checkpointer,
  record: CheckpointRecord,
  since?: CheckpointRecord,
) => Promise<void>;

Deno.test("after a power loss a run is where a save had brought it", async () => {
  await assertSurvives(async (root, save) => {
    const store = new FileCheckpointer(root);
    const first = makeRecord();
    const second = following(first);
    const third = following(second, { nodeId: "a/b" });
    await save(store, first);
    await save(store, second, first);
    await save(store, third, second);
  });
});

Deno.test("a power loss takes nothing of a claim, and of the saves before it, that returned", async () => {
  await assertSurvives(async (root, save) => {
    const [dead, alive] = [new FileCheckpointer(root), new FileCheckpointer(root)];
    const first = makeRecord();
    const second = following(first);
    await save(dead, first);
    await save(dead, second, first);
    const claim = claimOf(second, "alive");
    const next = following(claim);
    await save(alive, claim, second);
    await save(alive, next, claim);
  });
});

Deno.test("a power loss takes no link out of a chain of changes", async () => {
  await assertSurvives(async (root, save) => {
    const store = new FileCheckpointer(root);
    let last = makeRecord({ state: { pad: manyItems("pad"), count: 0 } });
    await save(store, last);
    for (let count = 1; count <= 3; count++) {
      const next = following(last, { state: withField(last.state, "count", count) });
      await save(store, next, last);
      last = next;
    }
    const other = new FileCheckpointer(root);
    const claim = claimOf(last, "other");
    const next = following(claim, { state: withField(last.state, "count", 4) });
    await save(other, claim, last);
    await save(other, next, claim);
  });
});

Deno.test("a power loss during a repeated save leaves the one or the other", async () => {
  for (const nodeId of ["node", "other node"]) {
    await assertSurvives(async (root, save) => {
      const store = new FileCheckpointer(root);
      const first = makeRecord();
      const lost = following(first, { state: { answer: "lost" } });
      const again = { ...lost, nodeId, state: { answer: "again" }, savedAt: nextTime() };
      const next = following(again);
      await save(store, first);
      await save(store, lost, first);
      await save(store, again, first);
      await save(store, again, first);
      await save(store, next, again);
    });
  }
});

Deno.test("a power loss among rivals leaves what the winner saved", async () => {
  await assertSurvives(async (root, save) => {
    const [slow, quick] = [new FileCheckpointer(root), new FileCheckpointer(root)];
    const first = makeRecord({ writer: "slow" });
    const second = following(first);
    const claim = claimOf(second, "quick");
    await save(slow, first);
    await Promise.all([save(slow, second, first), save(quick, claim)]);
    await Promise.all([save(slow, following(second), second), save(quick, following(claim))]);
    await save(slow, following(second), second);
  });
});

Deno.test("a run that was deleted does not come back with the power", async () => {
  await withRoot(async (root) => {
    const store = new FileCheckpointer(root);
    await store.save(makeRecord());
    const { events } = await record(() => store.deleteRun("pipeline", "run"));
    const [last] = events.slice(-1);
    assert(last?.kind === "synced" && last.names, "nothing was synced after the deletion");
    assertEquals(last.target, join(root, "pipeline"));
  });
});

/** Records a run, and asserts of everything that a power loss may leave of it that it goes on. */
async function assertSurvives(run: (root: string, save: Save) => Promise<void>): Promise<void> {
  await withRoot(async (parent) => {
    const root = join(parent, "recorded/root");
    const recording = await record((recording) => run(root, savingInto(recording)));
    assertEquals([...recording.names.keys()].map((path) => relative(root, path)).sort(), [
      ...await filesBelow(root),
    ]);
    const losses = everyLoss(recording.events);
    assert(losses.length > 20, `only ${losses.length} losses`);
    for (const [index, loss] of losses.entries()) {
      const planted = join(parent, `${index}`);
      Deno.mkdirSync(planted);
      plant(loss.tree, parent, planted);
      try {
        await assertGoesOn(join(planted, "recorded/root"), loss.events);
      } catch (cause) {
        throw new Error(`Loss ${index}: ${describe(loss)}`, { cause });
      }
      Deno.removeSync(planted, { recursive: true });
    }
  });
}

function savingInto({ tell }: Recording): Save {
  return async (checkpointer, record, since) => {
    tell({ save: "began", record } satisfies Told);
    try {
      await checkpointer.save(record, since && changeBetween(since, record));
    } catch (error) {
      if (!(error instanceof CheckpointConflictError)) throw error;
      return;
    }
    tell({ save: "returned", record } satisfies Told);
  };
}

async function assertGoesOn(root: string, events: readonly Event[]): Promise<void> {
  const told = events.flatMap((event) => event.kind === "told" ? [event.what as Told] : []);
  const returned = told.filter(({ save }) => save === "returned").map(({ record }) => record);
  const promised = Math.max(-1, ...returned.map(({ sequence }) => sequence));
  const reader = new FileCheckpointer(root, { onWarning: () => {} });

  const latest = await reader.loadLatest("pipeline", "run");
  assert((latest?.sequence ?? -1) >= promised, `${latest?.sequence} is older than ${promised}`);
  const history = await Array.fromAsync(reader.history("pipeline", "run"));
  if (latest === undefined) assertEquals(history, []);
  else assertRecord(latest, history[0] ?? makeRecord());
  const found = new Map(history.map((record) => [record.sequence, record]));
  assertEquals(found.size, history.length);
  for (const { sequence } of returned) assert(found.has(sequence), `${sequence} is gone`);
  for (const record of history) assertSaved(record, told);
  const listed = await Array.fromAsync(reader.listRuns("pipeline"));
  assertEquals(listed.map(({ sequence }) => sequence), latest ? [latest.sequence] : []);

  // Whoever comes goes on.
  const next = latest === undefined ? makeRecord() : claimOf(latest, "the next one");
  const after = following(next, { nodeId: "node" });
  const writer = new FileCheckpointer(root, { sync: false, onWarning: () => {} });
  await writer.save(next);
  await writer.save(after, changeBetween(next, after));
  await assertStored(reader, [after, next, ...history]);
}

/** Asserts that a record is one that was saved, and no other was promised in its place. */
function assertSaved(record: CheckpointRecord, told: readonly Told[]): void {
  const saves = told.filter((save) => save.record.sequence === record.sequence);
  const returned = saves.findLastIndex(({ save }) => save === "returned");
  const promise = saves[returned]?.record;
  const possible = promise === undefined ? saves.map(({ record }) => record) : [
    promise,
    ...saves.slice(returned + 1).map(({ record }) => record)
      .filter(({ writer }) => writer === promise.writer),
  ];
  const same = possible.find(({ savedAt, nodeId }) =>
    savedAt === record.savedAt && nodeId === record.nodeId
  );
  assertRecord(record, same ?? possible[0] ?? makeRecord({ nodeId: "never saved" }));
}

function claimOf(latest: CheckpointRecord, writer: string): CheckpointRecord {
  const resume = { at: latest.savedAt, approved: [] };
  return following(latest, { nodeId: "__resume__", writer, resume });
}

function describe({ events, tree }: Loss): string {
  const names = [...tree.names].map(([path, file]) =>
    `${path.split("/").slice(-1)} (${tree.contents.get(file)?.length} bytes)`
  );
  return `after ${events.length} events there are ${names.join(", ") || "no files"}`;
}
