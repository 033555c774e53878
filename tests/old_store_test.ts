import { assert, assertEquals, assertRejects } from "@std/assert";
import { FileCheckpointer } from "../backends/file.ts";
import {
  append,
  type Checkpointer,
  definePipeline,
  END,
  pause,
  RunPausedError,
  unchecked,
  UnknownNodeError,
} from "../mod.ts";

const FIXTURES = new URL("./fixtures/python_store/", import.meta.url);

interface Release {
  requirements: unknown;
  approved: boolean;
  url: string | null;
  log: string[];
}

function release(checkpointer: Checkpointer) {
  return definePipeline({
    name: "release",
    state: unchecked<Release>(),
    reducers: { log: append },
    nodes: {
      build: () => ({ log: "built" }),
      test: () => ({ log: "tested" }),
      approval: () => pause("deploy to production?"),
      deploy: () => ({ url: "https://example.com/user", log: "deployed" }),
    },
    start: "build",
    edges: {
      build: "test",
      test: "approval",
      approval: { route: (state) => state.approved ? "yes" : "no", to: { yes: "deploy", no: END } },
      deploy: END,
    },
  }, { checkpointer });
}

/** Runs a test on a copy of the store that the Python framework wrote. */
async function withStore(test: (checkpointer: FileCheckpointer, root: string) => Promise<void>) {
  const root = await Deno.makeTempDir();
  try {
    await copyFolder(FIXTURES, new URL(`file://${root}/`));
    await test(new FileCheckpointer(root), root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

async function copyFolder(from: URL, to: URL): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    const segment = encodeURIComponent(name) + (isDirectory ? "/" : "");
    if (isDirectory) await copyFolder(new URL(segment, from), new URL(segment, to));
    else await Deno.copyFile(new URL(segment, from), new URL(segment, to));
  }
}

Deno.test("a run stored without pause fields goes on after its last node", async () => {
  await withStore(async (checkpointer) => {
    const result = await release(checkpointer).resume("phase-1");
    assertEquals(result.status, "paused");
    assertEquals(result.completedNodes, ["build", "test", "approval"]);
    assertEquals(result.state.log, ["built", "tested"]);
  });
});

Deno.test("a run stored with pause fields goes on after its last node, whatever ran before", async () => {
  await withStore(async (checkpointer) => {
    const result = await release(checkpointer).resume("phase-2");
    assertEquals(result.completedNodes, ["build", "test", "build", "test", "approval"]);
    assertEquals(result.state.log, ["built", "tested", "built", "tested"]);
  });
});

Deno.test("a run stored as paused still demands an approval, and goes on with it", async () => {
  await withStore(async (checkpointer) => {
    const pipeline = release(checkpointer);
    const error = await assertRejects(() => pipeline.resume("paused"), RunPausedError);
    assert(error instanceof RunPausedError);
    assertEquals(error.pauses, [
      { id: "approval#1", node: "approval", reason: "deploy to production?" },
    ]);
    const result = await pipeline.resume("paused", {
      approvePause: true,
      update: { approved: true },
    });
    assertEquals(result.status, "completed");
    assertEquals(result.state.url, "https://example.com/user");
    assertEquals(result.completedNodes, ["build", "test", "approval", "deploy"]);
  });
});

Deno.test("a run stored after its last node comes back with its result, and no node runs", async () => {
  await withStore(async (checkpointer) => {
    const result = await release(checkpointer).resume("finished");
    assertEquals(result.status, "completed");
    assertEquals(result.state.log, ["built", "tested", "deployed"]);
  });
});

Deno.test("what the Python framework stored is data, also where it looks like a tag", async () => {
  await withStore(async (checkpointer) => {
    const first = await release(checkpointer).resume("order:42 größe");
    assertEquals(first.state.requirements, { $date: "2026-01-01T00:00:00.000Z" });
    const second = await release(checkpointer).resume("order:42 größe", { approvePause: true });
    assertEquals(second.status, "completed");
    assertEquals(second.state.requirements, { $date: "2026-01-01T00:00:00.000Z" });
  });
});

Deno.test("the runs of the Python framework are listed beside ours", async () => {
  await withStore(async (checkpointer) => {
    const pipeline = release(checkpointer);
    await pipeline.invoke({ requirements: "ours" }, { runId: "ours" });
    const runs = await Array.fromAsync(pipeline.listRuns());
    assertEquals(runs.map(({ runId }) => runId).toSorted(), [
      "finished",
      "order:42 größe",
      "ours",
      "paused",
      "phase-1",
      "phase-2",
    ]);
    const paused = await Array.fromAsync(pipeline.listRuns({ status: "paused" }));
    assertEquals(paused.map(({ runId }) => runId).toSorted(), ["ours", "paused"]);
    assert(paused.every(({ savedAt }) => !Number.isNaN(Date.parse(savedAt))));
  });
});

Deno.test("a run whose last node the pipeline no longer has is refused", async () => {
  await withStore(async (checkpointer) => {
    const renamed = definePipeline({
      name: "release",
      state: unchecked<Release>(),
      nodes: { compile: () => {} },
      start: "compile",
      edges: { compile: END },
    }, { checkpointer });
    await assertRejects(() => renamed.resume("phase-1"), UnknownNodeError, `"build"`);
  });
});

Deno.test("the history of a run that was taken over holds both parts", async () => {
  await withStore(async (checkpointer) => {
    const pipeline = release(checkpointer);
    await pipeline.resume("phase-2");
    const history = await Array.fromAsync(pipeline.history("phase-2"));
    assertEquals(history.map(({ sequence, nodeId }) => [sequence, nodeId]), [
      [7, "approval"],
      [6, "test"],
      [5, "build"],
      [4, "__resume__"],
      [3, "build"],
      [2, "test"],
      [1, "build"],
    ]);
  });
});
