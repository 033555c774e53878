import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join, toFileUrl } from "@std/path";
import { FileCheckpointer, type FileWarning } from "../backends/file.ts";
import {
  CheckpointConflictError,
  type CheckpointRecord,
  CheckpointSaveError,
  definePipeline,
  END,
  RecordVersionError,
  unchecked,
} from "../mod.ts";
import { recordFromText, recordToText } from "../pipeline/record.ts";
import { configArgs } from "../tools/deno_args.ts";

async function withRoot(test: (root: string) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir();
  try {
    await test(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

function record(sequence: number, fields: Partial<CheckpointRecord> = {}): CheckpointRecord {
  return {
    version: 1,
    pipelineName: "factory",
    runId: "r1",
    sequence,
    nodeId: "deployer",
    state: { step: sequence },
    completedNodes: [],
    status: "running",
    paused: false,
    pauseReason: undefined,
    tasks: [],
    pendingEdges: [],
    steps: sequence,
    failures: [],
    resume: undefined,
    writer: "w1",
    savedAt: "2026-01-01T00:00:00.000Z",
    ...fields,
  };
}

/** A checkpointer that keeps its warnings. */
function watched(root: string): [FileCheckpointer, FileWarning[]] {
  const warnings: FileWarning[] = [];
  return [
    new FileCheckpointer(root, { sync: false, onWarning: (warning) => warnings.push(warning) }),
    warnings,
  ];
}

async function filesBelow(folder: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (!isDirectory) paths.push(name);
    else paths.push(...(await filesBelow(join(folder, name))).map((path) => `${name}/${path}`));
  }
  return paths.sort();
}

Deno.test("a checkpoint lies where the layout says, as readable JSON", async () => {
  await withRoot(async (root) => {
    await new FileCheckpointer(root).save(record(3));
    const text = await Deno.readTextFile(join(root, "factory/r1/000003_deployer.json"));
    assertEquals(JSON.parse(text), {
      pipeline_name: "factory",
      run_id: "r1",
      node_id: "deployer",
      sequence: 3,
      state: { step: 3 },
      completed_nodes: [],
      paused: false,
      pause_reason: null,
      version: 1,
      status: "running",
      tasks: [],
      steps: 3,
      writer: "w1",
      saved_at: "2026-01-01T00:00:00.000Z",
    });
  });
});

Deno.test("the 1,000,000th checkpoint comes after the 999,999th", async () => {
  await withRoot(async (root) => {
    const [checkpointer] = watched(root);
    for (const sequence of [999_998, 999_999, 1_000_000]) await checkpointer.save(record(sequence));
    assertEquals((await checkpointer.loadLatest("factory", "r1"))?.sequence, 1_000_000);
    const history = await Array.fromAsync(checkpointer.history("factory", "r1"));
    assertEquals(history.map(({ sequence }) => sequence), [1_000_000, 999_999, 999_998]);
  });
});

Deno.test("a run leaves its checkpoints, one head, and nothing else", async () => {
  await withRoot(async (root) => {
    const [checkpointer] = watched(root);
    for (let sequence = 0; sequence < 4; sequence++) await checkpointer.save(record(sequence));
    await assertRejects(
      () => checkpointer.save(record(2, { writer: "w2", nodeId: "late" })),
      CheckpointConflictError,
    );
    await assertRejects(
      () => checkpointer.save(record(3, { writer: "w2", nodeId: "rival" })),
      CheckpointConflictError,
    );
    await checkpointer.save(record(3, { nodeId: "again" }));
    assertEquals(await filesBelow(join(root, "factory/r1")), [
      ".head-000003",
      "000000_deployer.json",
      "000001_deployer.json",
      "000002_deployer.json",
      "000003_again.json",
    ]);
  });
});

Deno.test("hostile names stay inside the root", async () => {
  await withRoot(async (outer) => {
    const root = join(outer, "root");
    const [checkpointer] = watched(root);
    const names = ["..", "../..", "/etc", ".", "a/../../b", "\\..\\c", "\0", "~", "C:\\x"];
    for (const name of names) {
      await checkpointer.save(record(0, { pipelineName: name, runId: name, nodeId: name }));
    }
    const outside = await Array.fromAsync(Deno.readDir(outer));
    assertEquals(outside.map(({ name }) => name), ["root"]);
    const inside = (await filesBelow(root)).filter((path) => path.endsWith(".json"));
    assertEquals(inside.length, names.length);
    assert(inside.every((path) => path.split("/").length === 3));
  });
});

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

    assertEquals(await checkpointer.loadLatest("factory", "r1"), recordFromText(good, "", ""));
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
    const result = await count.resume("r1");
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

Deno.test("it needs no permission but for its root", async () => {
  await withRoot(async (root) => {
    const script = new URL("./fixtures/file_permissions.ts", import.meta.url);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        ...configArgs(),
        "--no-prompt",
        `--allow-read=${root}`,
        `--allow-write=${root}`,
        script.href,
        root,
      ],
    }).output();
    const text = new TextDecoder();
    assertEquals([code, text.decode(stdout).trim()], [0, "completed 3"], text.decode(stderr));
  });
});

Deno.test("a root may be a file: URL, and is made when it is needed", async () => {
  await withRoot(async (root) => {
    const deep = join(root, "a/b");
    await new FileCheckpointer(toFileUrl(deep)).save(record(0));
    assertEquals((await new FileCheckpointer(deep).loadLatest("factory", "r1"))?.sequence, 0);
  });
});

Deno.test("a root without a name is misuse", () => {
  assertThrows(() => new FileCheckpointer(""), TypeError);
  assertThrows(() => new FileCheckpointer(new URL("https://example.com")), TypeError);
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
