import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { FileCheckpointer } from "../backends/file.ts";
import {
  CheckpointConflictError,
  CheckpointSaveError,
  definePipeline,
  END,
  RecordVersionError,
  unchecked,
} from "../mod.ts";
import { recordFromText, recordToText } from "../pipeline/record.ts";
import { configArgs } from "../tools/deno_args.ts";
import { filesBelow, watched, withRoot } from "./file_probes.ts";
import { record } from "./probe_record.ts";
import { assertRecord } from "./suite/checks.ts";

Deno.test("a torn, empty or alien file never hides the newest good checkpoint, and is told", async () => {
  await withRoot(async (root) => {
    const [checkpointer, warnings] = watched(root);
    const folder = join(root, "factory/r1");
    await checkpointer.save(record(0));
    await checkpointer.save(record(1));
    const good = await Deno.readTextFile(join(folder, "000001_deployer.json"));
    const bad = {
      "000002_torn.json": good.slice(0, 40),
      "000003_empty.json": "",
      "000004_alien.json": `{"hello": "world"}`,
      "000005_copied.json": good.replace(`"run_id":"r1"`, `"run_id":"r2"`),
      "000006_renamed.json": good,
      "000007_binary.json": "\0\0\0",
    };
    for (const [name, text] of Object.entries(bad)) {
      await Deno.writeTextFile(join(folder, name), text);
    }
    await Deno.writeTextFile(join(folder, "notes.txt"), "no checkpoint, and not named like one");
    await Deno.mkdir(join(folder, "000009_folder.json"));

    assertRecord(await checkpointer.loadLatest("factory", "r1"), recordFromText(good, "", ""));
    assertEquals(
      warnings.map(({ path }) => path.slice(folder.length + 1)).toSorted(),
      Object.keys(bad),
    );
    const history = await Array.fromAsync(checkpointer.history("factory", "r1"));
    assertEquals(history.map(({ sequence }) => sequence), [1, 0]);
    const runs = await Array.fromAsync(checkpointer.listRuns("factory"));
    assertEquals(runs.map(({ runId, sequence }) => [runId, sequence]), [["r1", 1]]);
  });
});

Deno.test("a run whose latest checkpoint was torn goes on from the one before", async () => {
  await withRoot(async (root) => {
    const [checkpointer, warnings] = watched(root);
    const count = definePipeline({
      name: "factory",
      state: unchecked<{ step: number }>(),
      nodes: { add: (state) => ({ step: state.step + 1 }) },
      start: "add",
      edges: { add: (state) => state.step < 5 ? "add" : END },
    }, { checkpointer });
    await count.invoke({ step: 0 }, { runId: "r1" });
    for (const name of ["000005_add.json", "000004_add.json"]) {
      // The head is the same file under another name: a lost block tears both.
      await Deno.truncate(join(root, "factory/r1", name), 20);
    }
    const result = await count.resume("r1", { takeOver: true });
    assertEquals([result.status, result.state.step], ["completed", 5]);
    assert(warnings.length > 0);
    assertEquals((await checkpointer.loadLatest("factory", "r1"))?.status, "completed");
  });
});

Deno.test("a save that died half-way is completed by whoever loads the run", async () => {
  await withRoot(async (root) => {
    const [checkpointer, warnings] = watched(root);
    const folder = join(root, "factory/r1");
    await checkpointer.save(record(0));
    await Deno.writeTextFile(join(folder, ".head-000001"), recordToText(record(1)));
    assertEquals((await checkpointer.loadLatest("factory", "r1"))?.sequence, 1);
    assert((await filesBelow(folder)).includes("000001_deployer.json"));
    await assertRejects(
      () => checkpointer.save(record(1, { writer: "w2", nodeId: "rival" })),
      CheckpointConflictError,
    );
    await checkpointer.save(record(2, { writer: "w2" }));
    assertEquals(warnings, []);
  });
});

Deno.test("a claim clears away what dead workers left", async () => {
  await withRoot(async (root) => {
    const [checkpointer] = watched(root);
    const folder = join(root, "factory/r1");
    await checkpointer.save(record(0));
    await checkpointer.save(record(1));
    await Deno.writeTextFile(join(folder, ".draft-dead"), "{");
    await Deno.writeTextFile(join(folder, ".head-000000"), recordToText(record(0)));
    const resume = { at: "2026-01-01T00:00:00.000Z", approved: [] };
    await checkpointer.save(record(2, { writer: "w2", nodeId: "__resume__", resume }));
    assertEquals(await filesBelow(folder), [
      ".head-000002",
      ".latest",
      "000000_deployer.json",
      "000001_deployer.json",
      "000002___resume__.json",
    ]);
  });
});

Deno.test("a checkpoint of a newer version is refused, not passed over", async () => {
  await withRoot(async (root) => {
    const [checkpointer, warnings] = watched(root);
    await checkpointer.save(record(0));
    await Deno.writeTextFile(
      join(root, "factory/r1/000001_deployer.json"),
      recordToText(record(1, { version: 2 })),
    );
    await assertRejects(() => checkpointer.loadLatest("factory", "r1"), RecordVersionError);
    assertEquals(warnings, []);
  });
});

Deno.test("a root that may not be written fails the save with the missing permission", async () => {
  await withRoot(async (root) => {
    const script = new URL("./fixtures/file_permissions.ts", import.meta.url);
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", ...configArgs(), "--no-prompt", `--allow-read=${root}`, script.href, root],
      env: { NO_COLOR: "1" },
    }).output();
    const said = new TextDecoder().decode(stderr);
    assertEquals(code, 1);
    for (const word of ["CheckpointSaveError", "Requires write access", root, "NotCapable"]) {
      assert(said.includes(word), `${word} is not in: ${said}`);
    }
    assertEquals(await filesBelow(root), []);
  });
});

Deno.test("a root that cannot be listed is an error, not an empty store", async () => {
  await withRoot(async (root) => {
    const file = join(root, "file");
    await Deno.writeTextFile(file, "");
    const checkpointer = new FileCheckpointer(file);
    for (
      const read of [
        () => checkpointer.loadLatest("factory", "r1"),
        () => Array.fromAsync(checkpointer.history("factory", "r1")),
        () => Array.fromAsync(checkpointer.listRuns("factory")),
      ]
    ) {
      const error = await assertRejects(read, Error, `Cannot list ${file}`);
      assertInstanceOf(error.cause, Deno.errors.NotADirectory);
    }
  });
});

Deno.test("a root that is a file fails the save, and says so", async () => {
  await withRoot(async (root) => {
    const file = join(root, "file");
    await Deno.writeTextFile(file, "");
    const pipeline = pipelineOn(new FileCheckpointer(file));
    const error = await assertRejects(() => pipeline.invoke({ step: 0 }), CheckpointSaveError);
    assert(error.message.includes(file), error.message);
    assert(error.cause instanceof Error && error.cause.cause instanceof Error);
    assertEquals(await Deno.readTextFile(file), "");
  });
});

Deno.test("a disk that is full in mid-save fails the call and leaves the last checkpoint", async () => {
  await withRoot(async (root) => {
    const [checkpointer] = watched(root);
    const pipeline = pipelineOn(checkpointer);
    const fault = failWritesAfter(2);
    try {
      const error = await assertRejects(
        () => pipeline.invoke({ step: 0 }, { runId: "r1" }),
        CheckpointSaveError,
        "No space left on device",
      );
      assert(error instanceof CheckpointSaveError);
      assertEquals([error.runId, error.lastSequence], ["r1", 1]);
    } finally {
      fault.restore();
    }
    assertEquals(
      (await filesBelow(join(root, "factory/r1"))).filter((name) => name.startsWith(".draft")),
      [],
    );
    const result = await pipeline.resume("r1");
    assertEquals([result.status, result.state.step], ["completed", 3]);
  });
});

function pipelineOn(checkpointer: FileCheckpointer) {
  return definePipeline({
    name: "factory",
    state: unchecked<{ step: number }>(),
    nodes: { add: (state) => ({ step: state.step + 1 }) },
    start: "add",
    edges: { add: (state) => state.step < 3 ? "add" : END },
  }, { checkpointer });
}

/** Makes every write after the first few stop half-way, as on a full disk. */
function failWritesAfter(writes: number): { restore(): void } {
  const { writeSync } = Deno.FsFile.prototype;
  let left = writes;
  Deno.FsFile.prototype.writeSync = function (bytes) {
    if (left-- > 0) return writeSync.call(this, bytes);
    writeSync.call(this, bytes.subarray(0, bytes.length / 2));
    throw Object.assign(new Error("No space left on device (os error 28)"), { code: "ENOSPC" });
  };
  return { restore: () => Deno.FsFile.prototype.writeSync = writeSync };
}
