import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { RunExistsError } from "../mod.ts";
import { oldStoreSuite, PYTHON_STORE, release, type WithStore } from "./old_store_suite.ts";
import { OWN_OR_IOREDIS } from "./redis_probes.ts";
import { startRedis } from "./servers/redis.ts";

const server = await startRedis();
const THIRTY_DAYS = "2592000";

/** Stores a checkpoint as the Python framework does. */
async function saveAsPython(
  pipeline: string,
  run: string,
  sequence: number,
  node: string,
  { text, score }: { readonly text?: string; readonly score?: number } = {},
): Promise<void> {
  const key = `firefly:ckpt:${pipeline}:${run}:${String(sequence).padStart(6, "0")}_${node}`;
  await server.cli(
    "set",
    key,
    text ?? recordText(pipeline, run, sequence, node),
    "EX",
    THIRTY_DAYS,
  );
  if (score !== undefined) {
    await server.cli("zadd", `firefly:ckpt:${pipeline}:runs`, String(score), run);
  }
}

function recordText(pipeline: string, run: string, sequence: number, node: string): string {
  return JSON.stringify({
    pipeline_name: pipeline,
    run_id: run,
    node_id: node,
    sequence,
    state: { log: ["built"] },
    completed_nodes: ["build"],
    paused: false,
    pause_reason: null,
  });
}

const withStore: WithStore = async (test) => {
  await server.cli("flushall");
  let score = 1_767_225_600.5;
  for (const { name: run } of [...Deno.readDirSync(new URL("release/", PYTHON_STORE))]) {
    const folder = new URL(`release/${encodeURIComponent(run)}/`, PYTHON_STORE);
    for (const { name } of Deno.readDirSync(folder)) {
      const text = await Deno.readTextFile(new URL(encodeURIComponent(name), folder));
      const [, digits = "", node = ""] = /^(\d+)_(.*)\.json$/.exec(name) ?? [];
      await saveAsPython("release", run, Number(digits), node, { text, score: score++ });
    }
  }
  await using probe = await OWN_OR_IOREDIS.open(server.url());
  await test(probe.checkpointer);
};

oldStoreSuite("Redis", withStore);

/** Uses a pipeline over an empty server. */
async function withPipeline(
  test: (pipeline: ReturnType<typeof release>) => Promise<void>,
  ttlSeconds?: number,
): Promise<void> {
  await server.cli("flushall");
  await using probe = await OWN_OR_IOREDIS.open(server.url(), { ttlSeconds });
  await test(release(probe.checkpointer));
}

Deno.test("a record that stands alone, without a set of runs, loads and resumes", async () => {
  await withPipeline(async (pipeline) => {
    await saveAsPython("release", "r1", 7, "build");
    const result = await pipeline.resume("r1");
    assertEquals([result.status, result.state.log], ["paused", ["built", "tested"]]);
    const history = await Array.fromAsync(pipeline.history("r1"));
    assertEquals(history.map(({ sequence, nodeId }) => [sequence, nodeId]), [
      [11, "approval"],
      [10, "test"],
      [9, "build"],
      [8, "__resume__"],
      [7, "build"],
    ]);
    assertEquals((await Array.fromAsync(pipeline.listRuns())).map(({ runId }) => runId), ["r1"]);
  });
});

Deno.test("the latest record is the one with the highest number, past six digits too", async () => {
  await withPipeline(async (pipeline) => {
    for (const sequence of [2, 999_999, 10_000_000, 1_000_000]) {
      await saveAsPython("release", "r1", sequence, "build", { score: 1 });
    }
    const [listed] = await Array.fromAsync(pipeline.listRuns());
    assertEquals([listed?.sequence, listed?.savedAt], [10_000_000, "1970-01-01T00:00:01.000Z"]);
    const history = await Array.fromAsync(pipeline.history("r1"));
    assertEquals(history.map(({ sequence }) => sequence), [10_000_000, 1_000_000, 999_999, 2]);
    await pipeline.resume("r1");
    const [latest] = await Array.fromAsync(pipeline.listRuns());
    assertEquals(latest?.sequence, 10_000_004);
  });
});

Deno.test("the id of a run of the Python framework is taken", async () => {
  await withPipeline(async (pipeline) => {
    for (const run of ["plain", "order:42 größe"]) {
      await saveAsPython("release", run, 1, "build", { score: 1 });
      await assertRejects(
        () => pipeline.invoke({ requirements: "" }, { runId: run }),
        RunExistsError,
      );
      assertEquals((await Array.fromAsync(pipeline.history(run))).length, 1);
    }
  });
});

Deno.test("names that the Python framework does not encode are found, and no others", async () => {
  await withPipeline(async (pipeline) => {
    const runs = ["a:b", "a", "a:000001_b", "*", "a?", "[a]", "a\\b", "%61", "runs", "a b{c}"];
    for (const [score, run] of runs.entries()) {
      await saveAsPython("release", run, 1, "build:000009_x", { score });
    }
    // Something else under a key like a checkpoint's, and a list under another.
    await server.cli("set", "firefly:ckpt:release:a:000009_alien", "{}");
    await server.cli("rpush", "firefly:ckpt:release:a:000008_alien", "x");
    await saveAsPython("release", "a", 5, "b", {
      text: recordText("release", "somebody else's", 5, "b"),
    });
    const listed = await Array.fromAsync(pipeline.listRuns());
    assertEquals(listed.map(({ runId }) => runId), runs.toReversed());
    for (const run of runs) {
      const history = await Array.fromAsync(pipeline.history(run));
      assertEquals(history.map(({ sequence, nodeId }) => [sequence, nodeId]), [[
        1,
        "build:000009_x",
      ]]);
    }
    assertEquals(await Array.fromAsync(pipeline.history("a*")), []);
  });
});

Deno.test("a run of a pipeline with an odd name is taken over, and listed once", async () => {
  await server.cli("flushall");
  await using probe = await OWN_OR_IOREDIS.open(server.url());
  const { checkpointer } = probe;
  await saveAsPython("my: pipe*", "r:1", 4, "some node", { score: 5 });
  await saveAsPython("my: pipe*", "r:2", 1, "some node", { score: 6 });
  const loaded = await checkpointer.loadLatest("my: pipe*", "r:1");
  assert(loaded !== undefined);
  await checkpointer.save({ ...loaded, version: 1, sequence: 5, writer: "ours" });
  const runs = await Array.fromAsync(checkpointer.listRuns("my: pipe*"));
  assertEquals(runs.map(({ runId, sequence }) => [runId, sequence]), [["r:1", 5], ["r:2", 1]]);
  const history = await Array.fromAsync(checkpointer.history("my: pipe*", "r:1"));
  assertEquals(history.map(({ sequence, writer }) => [sequence, writer]), [[5, "ours"], [4, ""]]);
  for (const run of ["r:1", "r:2"]) await checkpointer.deleteRun("my: pipe*", run);
  assertEquals(await server.cli("keys", "*"), "firefly:ckpt:my%3a%20pipe%2a:r%3a1:deleted");
});

Deno.test("records are searched for once; then the run has an index", async () => {
  await withPipeline(async (pipeline) => {
    for (const sequence of [1, 2, 3]) await saveAsPython("release", "r1", sequence, "build");
    await server.cli("debug", "populate", "5000");
    const result = await pipeline.resume("r1");
    assertEquals(result.status, "paused");
    await server.cli("config", "resetstat");
    await pipeline.resume("r1", { approvePause: true, update: { approved: true } });
    await Array.fromAsync(pipeline.history("r1"));
    await Array.fromAsync(pipeline.listRuns());
    assertStrictEquals((await server.calls()).get("scan"), undefined);
  });
});

Deno.test("a run of the Python framework that expired leaves the list", async () => {
  await withPipeline(async (pipeline) => {
    await saveAsPython("release", "gone", 1, "build", { score: 1 });
    await saveAsPython("release", "here", 1, "build", { score: 2 });
    await server.cli("del", "firefly:ckpt:release:gone:000001_build");
    assertEquals((await Array.fromAsync(pipeline.listRuns())).map(({ runId }) => runId), ["here"]);
    assertEquals(await server.cli("zrange", "firefly:ckpt:release:runs", "0", "-1"), "here");
  });
});

Deno.test("what was taken over does not come back when the run has expired", async () => {
  await withPipeline(async (pipeline) => {
    for (const sequence of [1, 2]) await saveAsPython("release", "r1", sequence, "build");
    await pipeline.resume("r1", { by: "ana" });
    await pipeline.resume("r1", { approvePause: true });
    for (const key of (await server.cli("keys", "firefly:ckpt:release:r1:*")).split("\n")) {
      const left = Number(await server.cli("ttl", key));
      assert(left > 0 && left <= 100, `${key} expires in ${left} s`);
    }
  }, 100);
});
