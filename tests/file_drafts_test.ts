import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import {
  CheckpointConflictError,
  type CheckpointRecord,
  definePipeline,
  END,
  unchecked,
} from "../mod.ts";
import { changeBetween } from "../pipeline/change.ts";
import { filesBelow, watched, withRoot } from "./file_probes.ts";
import { following, makeRecord } from "./suite/samples.ts";

/** Runs a cycle of four steps, and looks at its folder from within each. */
async function look(root: string, at: (folder: string, step: number) => Promise<void>) {
  const [checkpointer] = watched(root);
  const folder = join(root, "cycle/r");
  const pipeline = definePipeline({
    name: "cycle",
    state: unchecked<{ step: number }>(),
    nodes: {
      add: async ({ step }) => {
        await at(folder, step);
        return { step: step + 1 };
      },
    },
    start: "add",
    edges: { add: ({ step }) => step < 4 ? "add" : END },
  }, { checkpointer });
  const { status } = await pipeline.invoke({ step: 0 }, { runId: "r" });
  assertEquals(status, "completed");
  return folder;
}

async function draftsIn(folder: string): Promise<string[]> {
  return (await filesBelow(folder)).filter((name) => name.startsWith(".draft"));
}

Deno.test("a worker at a run keeps one draft, a name of its first checkpoint, until it is through", async () => {
  await withRoot(async (root) => {
    const kept: string[][] = [];
    const folder = await look(root, async (folder, step) => {
      const drafts = await draftsIn(folder);
      kept.push(drafts);
      for (const name of drafts) {
        const draft = await Deno.stat(join(folder, name));
        const first = await Deno.stat(join(folder, "000001_add.json"));
        assertEquals([draft.ino, draft.nlink], [first.ino, step === 1 ? 3 : 2]);
      }
    });
    const [none, one = []] = kept;
    assertEquals([none, one.length], [[], 1]);
    assertEquals(kept.slice(2), [one, one]);
    assertEquals(await draftsIn(folder), []);
  });
});

Deno.test("a worker that lets go of a run leaves no draft, nor does one that claims it", async () => {
  await withRoot(async (root) => {
    const [store] = watched(root);
    const last = await saveFour(store, makeRecord());
    const folder = join(root, "pipeline/run");
    assertEquals((await draftsIn(folder)).length, 1);
    const released = following(last, { leaseMs: 0 });
    await store.save(released, changeBetween(last, released));
    assertEquals(await draftsIn(folder), []);
    const resume = { at: released.savedAt, approved: [] };
    const claim = following(last, { writer: "next", nodeId: "__resume__", resume, sequence: 5 });
    await store.save(claim, changeBetween(released, claim));
    assertEquals(await draftsIn(folder), []);
  });
});

Deno.test("a worker whose draft is gone goes on with the run that is still its own", async () => {
  await withRoot(async (root) => {
    const folder = await look(root, async (folder) => {
      for (const name of await draftsIn(folder)) await Deno.remove(join(folder, name));
    });
    assertEquals(await draftsIn(folder), []);
  });
});

Deno.test("a worker is refused at a run of the same name and length that another began", async () => {
  await withRoot(async (root) => {
    const [store] = watched(root);
    const [other] = watched(root);
    const old = await saveFour(store, makeRecord({ writer: "old" }));
    await other.deleteRun("pipeline", "run");
    const anew = await saveFour(other, makeRecord({ writer: "new" }));
    await assertRejects(() => goOn(store, old), CheckpointConflictError);
    assertEquals((await other.loadLatest("pipeline", "run"))?.writer, "new");
    assertEquals((await draftsIn(join(root, "pipeline/run"))).length, 1);
    await goOn(other, anew);
  });
});

Deno.test("a save upon one's own asks once whether that is still its own", async () => {
  await withRoot(async (root) => {
    const [store] = watched(root);
    const last = await saveFour(store, makeRecord());
    const asked: string[] = [];
    const questions = ["lstatSync", "statSync", "readDirSync", "readTextFileSync"] as const;
    const originals = questions.map((name) => [name, Deno[name]] as const);
    for (const [name, original] of originals) {
      Object.assign(Deno, {
        [name](...args: Parameters<typeof original>) {
          asked.push(name);
          return Reflect.apply(original, Deno, args);
        },
      });
    }
    try {
      await goOn(store, last);
    } finally {
      Object.assign(Deno, Object.fromEntries(originals));
    }
    assertEquals(asked, ["lstatSync"]);
  });
});

type Store = ReturnType<typeof watched>[0];

async function saveFour(store: Store, first: CheckpointRecord): Promise<CheckpointRecord> {
  await store.save(first);
  let last = first;
  for (let sequence = 1; sequence < 4; sequence++) last = await goOn(store, last);
  return last;
}

async function goOn(store: Store, last: CheckpointRecord): Promise<CheckpointRecord> {
  const next = following(last);
  await store.save(next, changeBetween(last, next));
  assert(next.sequence === last.sequence + 1);
  return next;
}
