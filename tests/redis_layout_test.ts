import { assert, assertEquals, assertMatch } from "@std/assert";
import { Redis } from "npm:ioredis@6.0.0";
import { RedisCheckpointer } from "../backends/redis.ts";
import { recordToText } from "../pipeline/record.ts";
import { record } from "./probe_record.ts";
import { end, onEmpty, OWN_OR_IOREDIS } from "./redis_probes.ts";
import { startRedis } from "./servers/redis.ts";
import { assertStored } from "./suite/checks.ts";

const server = await startRedis();
const DAYS = 86_400;

const withStore = onEmpty(server);

/** The keys of checkpoints, sorted. */
async function checkpointKeys(): Promise<readonly string[]> {
  const keys = (await server.cli("keys", "*")).split("\n");
  return keys.filter((key) => /:\d{6,}_[^:]*$/.test(key)).toSorted();
}

Deno.test("a checkpoint is JSON under its key, and its run is among the runs", async () => {
  await withStore({}, async (checkpointer) => {
    const before = Number(await server.cli("--raw", "time").then((text) => text.split("\n")[0]));
    const saved = [record(0, { nodeId: "__start__" }), record(1), record(3, { nodeId: "end" })];
    for (const one of saved) await checkpointer.save(one);
    assertEquals(await checkpointKeys(), [
      "firefly:ckpt:factory:r1:000000___start__",
      "firefly:ckpt:factory:r1:000001_deployer",
      "firefly:ckpt:factory:r1:000003_end",
    ]);
    for (const [index, key] of (await checkpointKeys()).entries()) {
      const one = saved[index];
      assert(one !== undefined);
      assertEquals(await server.cli("get", key), recordToText(one));
      assertEquals(await server.cli("type", key), "string");
      const ttl = Number(await server.cli("ttl", key));
      assert(ttl > 30 * DAYS - 60 && ttl <= 30 * DAYS, `${key} expires in ${ttl} s`);
    }
    assertEquals(await server.cli("type", "firefly:ckpt:factory:runs"), "zset");
    const [member, score] = (await server.cli(
      ...["zrange", "firefly:ckpt:factory:runs", "0", "-1", "withscores"],
    )).split("\n");
    assertEquals(member, "r1");
    assertMatch(score ?? "", /^\d{10}\.\d+$/);
    assert(Number(score) >= before && Number(score) <= before + 60, `scored ${score}`);
  });
});

Deno.test("the record of a checkpoint begins with the Python framework's fields", async () => {
  await withStore({}, async (checkpointer) => {
    await checkpointer.save(
      record(2, { status: "paused", paused: true, pauseReason: "go?", completedNodes: ["a"] }),
    );
    const text = await server.cli("get", "firefly:ckpt:factory:r1:000002_deployer");
    const { version: _, ...fields } = JSON.parse(text);
    assertEquals(Object.entries(fields).slice(0, 8), [
      ["pipeline_name", "factory"],
      ["run_id", "r1"],
      ["node_id", "deployer"],
      ["sequence", 2],
      ["state", { step: 2 }],
      ["completed_nodes", ["a"]],
      ["paused", true],
      ["pause_reason", "go?"],
    ]);
  });
});

Deno.test("sequences have six digits, or as many as they need", async () => {
  await withStore({}, async (checkpointer) => {
    for (const sequence of [999_999, 1_000_000, 2_000_000_000]) {
      await checkpointer.save(record(sequence));
    }
    assertEquals(
      await checkpointKeys(),
      ["1000000", "2000000000", "999999"].map((it) => `firefly:ckpt:factory:r1:${it}_deployer`),
    );
    assertEquals((await checkpointer.loadLatest("factory", "r1"))?.sequence, 2_000_000_000);
  });
});

Deno.test("what a key's part cannot hold is encoded in it; all else stays as it is", async () => {
  const names = [
    ["a:b", "a%3ab"],
    ["a b", "a%20b"],
    ["100%", "100%25"],
    ["*?[x]^", "%2a%3f%5bx%5d%5e"],
    ["{tag}", "%7btag%7d"],
    ["größe", "größe"],
    ["\u{1f600}", "\u{1f600}"],
    ["\ud800", "%ud800"],
    ["\0\n", "%00%0a"],
    ["runs", "runs"],
    ["a_b-c.d/e,f(g)@h", "a_b-c.d/e,f(g)@h"],
    ["n".repeat(1_000), "n".repeat(1_000)],
  ] as const;
  for (const [name, encoded] of names) {
    await withStore({}, async (checkpointer) => {
      const saved = record(0, { pipelineName: name, runId: name, nodeId: name });
      await checkpointer.save(saved);
      assertEquals(await checkpointKeys(), [
        `firefly:ckpt:${encoded}:${encoded}:000000_${encoded}`,
      ]);
      assertEquals(await server.cli("zrange", `firefly:ckpt:${encoded}:runs`, "0", "-1"), encoded);
      await assertStored(checkpointer, [saved]);
    });
  }
});

Deno.test("names that are too long are told apart by a digest", async () => {
  await withStore({}, async (checkpointer) => {
    const ids = ["x", "y"].map((end) => `${":".repeat(600)}${end}`);
    for (const runId of ids) await checkpointer.save(record(0, { runId }));
    const keys = await checkpointKeys();
    assertEquals(new Set(keys).size, 2);
    assert(keys.every((key) => key.length < 1_100), keys[0]);
    for (const runId of ids) await assertStored(checkpointer, [record(0, { runId })]);
  });
});

Deno.test("prefix and time to live are the caller's to choose", async () => {
  await withStore({ keyPrefix: "{my}app", ttlSeconds: 90.5 }, async (checkpointer) => {
    await checkpointer.save(record(0));
    const key = "{my}app:factory:r1:000000_deployer";
    assertEquals(await checkpointKeys(), [key]);
    const left = Number(await server.cli("pttl", key));
    assert(left > 60_000 && left <= 90_500, `${left} ms`);
  });
  await withStore({ ttlSeconds: null }, async (checkpointer) => {
    for (const sequence of [0, 1, 2]) await checkpointer.save(record(sequence));
    for (const key of (await server.cli("keys", "*")).split("\n")) {
      assertEquals(await server.cli("ttl", key), "-1", key);
    }
  });
});

Deno.test("prefixes that begin alike are stores of their own", async () => {
  await withStore({}, async (checkpointer) => {
    const prefixes = ["firefly", "firefly:ckpt:factory", "firefly:ckpt:*", "fire?ly:ckpt"];
    await checkpointer.save(record(0));
    for (const keyPrefix of prefixes) {
      await using probe = await OWN_OR_IOREDIS.open(server.url(), { keyPrefix });
      assertEquals(await probe.checkpointer.loadLatest("factory", "r1"), undefined);
      assertEquals(await Array.fromAsync(probe.checkpointer.listRuns("factory")), []);
      await probe.checkpointer.deleteRun("factory", "r1");
      const own = record(0, { state: { keyPrefix } });
      await probe.checkpointer.save(own);
      await assertStored(probe.checkpointer, [own]);
    }
    await assertStored(checkpointer, [record(0)]);
  });
});

Deno.test("databases of one server are stores of their own", async () => {
  await withStore({}, async (checkpointer) => {
    await checkpointer.save(record(0));
    await using other = await OWN_OR_IOREDIS.open(server.url(7));
    assertEquals(await other.checkpointer.loadLatest("factory", "r1"), undefined);
    await other.checkpointer.save(record(5));
    assertEquals(await server.cli("-n", "7", "exists", "firefly:ckpt:factory:runs"), "1");
    await assertStored(checkpointer, [record(0)]);
  });
});

Deno.test("a deleted run leaves no key behind but that it was deleted, however long it was", async () => {
  await withStore({}, async (checkpointer) => {
    await checkpointer.save(record(0, { runId: "other" }));
    const before = await server.cli("dbsize");
    await Promise.all(["a", "b"].map(async (runId) => {
      for (let step = 0; step < 2_500; step++) {
        const status = step < 2_499 ? "running" : "completed";
        await checkpointer.save(record(step * 3, { runId, status }));
      }
    }));
    await checkpointer.deleteRun("factory", "a");
    await checkpointer.deleteRun("factory", "b");
    const left = ["a", "b"].map((runId) => `firefly:ckpt:factory:${runId}:deleted`);
    for (const key of left) {
      const ms = Number(await server.cli("pttl", key));
      assert(ms > 0 && ms <= 60_000, `${key} is left for ${ms} ms`);
      await server.cli("del", key);
    }
    assertEquals(await server.cli("dbsize"), before);
    const listed = await Array.fromAsync(checkpointer.listRuns("factory"));
    assertEquals(listed.map(({ runId }) => runId), ["other"]);
  });
});

Deno.test("that an unfinished run was deleted is remembered for an hour", async () => {
  await withStore({}, async (checkpointer) => {
    await checkpointer.save(record(0));
    await checkpointer.deleteRun("factory", "r1");
    assertEquals(await server.cli("keys", "*"), "firefly:ckpt:factory:r1:deleted");
    const left = Number(await server.cli("pttl", "firefly:ckpt:factory:r1:deleted"));
    assert(left > 3_500_000 && left <= 3_600_000, `${left} ms`);
    await checkpointer.save(record(0, { writer: "w2", status: "completed" }));
    await assertStored(checkpointer, [record(0, { writer: "w2", status: "completed" })]);
  });
});

Deno.test("what a repeated save replaced leaves no key behind", async () => {
  await withStore({}, async (checkpointer) => {
    await checkpointer.save(record(0));
    for (const nodeId of ["a", "b", "c"]) await checkpointer.save(record(1, { nodeId }));
    assertEquals(await checkpointKeys(), [
      "firefly:ckpt:factory:r1:000000_deployer",
      "firefly:ckpt:factory:r1:000001_c",
    ]);
  });
});

Deno.test("a prefix that the client adds by itself stands before all keys", async () => {
  await server.cli("flushall");
  const client = new Redis(server.url(), { keyPrefix: "app:", stringNumbers: true });
  const checkpointer = new RedisCheckpointer({ client });
  try {
    for (const sequence of [0, 1, 2]) await checkpointer.save(record(sequence));
    await checkpointer.save(record(2, { nodeId: "again" }));
    await assertStored(checkpointer, [record(2, { nodeId: "again" }), record(1), record(0)]);
    assertEquals((await Array.fromAsync(checkpointer.listRuns("factory"))).length, 1);
    const keys = (await server.cli("keys", "*")).split("\n");
    assert(keys.every((key) => key.startsWith("app:firefly:ckpt:factory:")), keys.join("\n"));
    await checkpointer.deleteRun("factory", "r1");
    assertEquals(await server.cli("keys", "*"), "app:firefly:ckpt:factory:r1:deleted");
  } finally {
    await end(client);
  }
});

Deno.test("the clock of the server counts, not the caller's", async () => {
  await withStore({ ttlSeconds: 100 }, async (checkpointer) => {
    for (const [runId, savedAt] of [["a", "2099-01-01"], ["b", "1999-01-01"]] as const) {
      await checkpointer.save(record(0, { runId, savedAt: `${savedAt}T00:00:00.000Z` }));
    }
    const listed = await Array.fromAsync(checkpointer.listRuns("factory"));
    assertEquals(listed.map(({ runId }) => runId), ["b", "a"]);
    assertEquals(await server.cli("dbsize"), "6");
  });
});
