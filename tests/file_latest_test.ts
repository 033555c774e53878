import { assert, assertEquals, assertRejects } from "@std/assert";
import { dirname, join } from "@std/path";
import type { FileCheckpointer } from "../backends/file.ts";
import type { CheckpointRecord } from "../mod.ts";
import { recordToText } from "../pipeline/record.ts";
import { filesBelow, watched, withRoot } from "./file_probes.ts";
import { assertRefused } from "./suite/checks.ts";
import { following, makeRecord, manyItems } from "./suite/samples.ts";
import { saveUpon } from "./suite/saving.ts";

/** Saves a run of some checkpoints, as its worker does; the last of them. */
async function saveRun(
  store: FileCheckpointer,
  first: CheckpointRecord,
  length: number,
): Promise<CheckpointRecord> {
  let last = first;
  await store.save(last);
  for (let saves = 1; saves < length; saves++) last = await saveNext(store, last);
  return last;
}

function saveNext(
  store: FileCheckpointer,
  last: CheckpointRecord,
  more: Partial<CheckpointRecord> = {},
): Promise<CheckpointRecord> {
  return saveUpon(store, last, following(last, more));
}

/** The folders that a list lists. */
async function foldersListed(store: FileCheckpointer): Promise<readonly string[]> {
  const listed: string[] = [];
  const { readDirSync } = Deno;
  Deno.readDirSync = (path) => {
    listed.push(String(path));
    return readDirSync(path);
  };
  try {
    await Array.fromAsync(store.listRuns("pipeline"));
  } finally {
    Deno.readDirSync = readDirSync;
  }
  return listed;
}

/** What a list tells of the only run, which has to be what a load tells. */
async function assertListedAsLoaded(root: string, sequence: number, text: string): Promise<void> {
  const [store, warnings] = watched(root);
  const [listed, ...more] = await Array.fromAsync(store.listRuns("pipeline"));
  assertEquals(more, []);
  assertEquals([listed?.runId, listed?.sequence], ["run", sequence], text);
  const loaded = await store.loadLatest("pipeline", "run");
  assertEquals(
    [listed?.sequence, listed?.nodeId, listed?.status, listed?.savedAt],
    [loaded?.sequence, loaded?.nodeId, loaded?.status, loaded?.savedAt],
    text,
  );
  if (listed?.status === "running") {
    const [listedMs, loadedMs] = [listed.idleMs ?? NaN, loaded?.idleMs ?? NaN];
    assert(Math.abs(listedMs - loadedMs) < 10_000, `${text}: ${listedMs} ms, not ${loadedMs} ms`);
  }
  assertEquals(warnings, [], text);
}

Deno.test("a list finds the latest checkpoint of each run without listing its folder", async () => {
  await withRoot(async (root) => {
    const [store, warnings] = watched(root);
    await saveRun(store, makeRecord({ runId: "small" }), 5);
    await saveRun(store, makeRecord({ runId: "large", state: { pad: manyItems("pad") } }), 5);
    const over = await saveRun(store, makeRecord({ runId: "over" }), 2);
    await saveNext(store, over, { status: "completed" });
    assertEquals(await foldersListed(watched(root)[0]), [join(root, "pipeline")]);
    const runs = await Array.fromAsync(store.listRuns("pipeline"));
    assertEquals(
      runs.map(({ runId, sequence, status }) => [runId, sequence, status]).sort(),
      [["large", 4, "running"], ["over", 2, "completed"], ["small", 4, "running"]],
    );
    assertEquals(warnings, []);
  });
});

/** What may befall the folder of a run of the checkpoints 0 to 4, and where the run stands then. */
const BEFALLS: Readonly<
  Record<
    string,
    (folder: string, store: FileCheckpointer, last: CheckpointRecord) => Promise<number>
  >
> = {
  "a save that died when it had its head": async (folder, _store, last) => {
    const next = following(last, { nodeId: "next" });
    await Deno.remove(join(folder, ".latest"));
    await Deno.writeTextFile(join(folder, ".head-000005"), recordToText(next));
    return 5;
  },
  "a save that failed when it had its head": async (_folder, store, last) => {
    const { removeSync } = Deno;
    Deno.removeSync = (path) => {
      if (String(path).endsWith(".head-000004")) throw new Error("the disk is gone");
      removeSync(path);
    };
    await assertRejects(() => saveNext(store, last)).finally(() => Deno.removeSync = removeSync);
    return 5;
  },
  "a save that died before it was found by its latest name": async (folder, store, last) => {
    await Deno.rename(join(folder, ".latest"), join(folder, ".held"));
    await saveNext(store, last);
    await Deno.rename(join(folder, ".held"), join(folder, ".latest"));
    return 5;
  },
  "a late writer that gives its checkpoint the name when others are long past it": async (
    folder,
    store,
    last,
  ) => {
    const fifth = await saveNext(store, last);
    const sixth = await saveNext(store, fifth);
    await saveNext(store, sixth, { status: "completed" });
    await Deno.remove(join(folder, ".latest"));
    await Deno.link(join(folder, "000004_node.json"), join(folder, ".latest"));
    return 7;
  },
  "a rival's save that was refused": async (folder, _store, last) => {
    const rival = { ...last, nodeId: "rival", writer: "rival" };
    await assertRefused(watched(dirname(dirname(folder)))[0], rival);
    return 4;
  },
  "a sign of life of its worker": async (folder, store, { writer }) => {
    const before = new Date(Date.now() - 60_000);
    await Deno.utime(join(folder, ".latest"), before, before);
    assert(await store.touch("pipeline", "run", writer));
    return 4;
  },
  "a latest name of what is torn": async (folder) => {
    await Deno.remove(join(folder, ".latest"));
    await Deno.writeTextFile(join(folder, ".latest"), '{"sequence":');
    return 4;
  },
  "a copy of its files": async (folder) => {
    for (const name of await filesBelow(folder)) {
      const path = join(folder, name);
      const text = await Deno.readTextFile(path);
      await Deno.remove(path);
      await Deno.writeTextFile(path, text);
    }
    return 4;
  },
  "another program that goes on with it later": async (folder, _store, last) => {
    const next = following(last, { nodeId: "other" });
    await Deno.writeTextFile(join(folder, "000005_other.json"), recordToText(next));
    const later = new Date(Date.now() + 1_500);
    await Deno.utime(folder, later, later);
    return 5;
  },
  "a claim, and its worker's death": async (_folder, store, last) => {
    const resume = { at: "2026-01-01T00:00:00.000Z", approved: [] };
    await saveNext(store, last, { writer: "next", nodeId: "__resume__", resume });
    return 5;
  },
};

for (const [what, befall] of Object.entries(BEFALLS)) {
  Deno.test(`a list tells of a run what a load tells, after ${what}`, async () => {
    for (const pad of [[], manyItems("pad")]) {
      await withRoot(async (root) => {
        const [store] = watched(root);
        const last = await saveRun(store, makeRecord({ state: { pad } }), 5);
        const sequence = await befall(join(root, "pipeline/run"), store, last);
        await assertListedAsLoaded(root, sequence, what);
      });
    }
  });
}
