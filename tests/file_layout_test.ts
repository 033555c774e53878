import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join, toFileUrl } from "@std/path";
import { FileCheckpointer } from "../backends/file.ts";
import { CheckpointConflictError } from "../mod.ts";
import { configArgs } from "../tools/deno_args.ts";
import { filesBelow, watched, withRoot } from "./file_probes.ts";
import { record } from "./probe_record.ts";

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

Deno.test("a list tells of runs whatever the sizes of their checkpoints", async () => {
  await withRoot(async (root) => {
    const [checkpointer, warnings] = watched(root);
    // In turns, and at the edges: what was read of one must not be taken for another's.
    const sizes = [10, 300_000, 0, 65_536, 20, 65_000, 65_537, 1_000_000, 1];
    for (const [run, size] of sizes.entries()) {
      const text = "ä".repeat(size / 2).padEnd(size, "x");
      await checkpointer.save(record(run, { runId: `r${run}`, state: { text } }));
    }
    const runs = await Array.fromAsync(checkpointer.listRuns("factory"));
    const found = runs.map(({ runId, sequence }) => [runId, sequence]).sort();
    assertEquals(found, sizes.map((_, run) => [`r${run}`, run]));
    assertEquals(warnings, []);
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
