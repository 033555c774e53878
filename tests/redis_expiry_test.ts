import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import type { RedisCheckpointer } from "../backends/redis.ts";
import { record } from "./probe_record.ts";
import { onEmpty, OWN_OR_IOREDIS } from "./redis_probes.ts";
import { startRedis } from "./servers/redis.ts";
import { assertStored, sequences } from "./suite/checks.ts";

const server = await startRedis();

const withStore = onEmpty(server);

/** When each key of a run expires, in milliseconds since 1970; -1 for never. */
async function deadlines(runId: string): Promise<Readonly<Record<string, number>>> {
  const prefix = `firefly:ckpt:factory:${runId}:`;
  const keys = (await server.cli("keys", `${prefix}*`)).split("\n").toSorted();
  const found: Record<string, number> = {};
  for (const key of keys) {
    found[key.slice(prefix.length)] = Number(await server.cli("pexpiretime", key));
  }
  return found;
}

/** Has all keys of a run expire that would, as if their time had come. */
async function expire(runId: string): Promise<void> {
  for (const [part, deadline] of Object.entries(await deadlines(runId))) {
    if (deadline < 0) continue;
    await server.cli("pexpireat", `firefly:ckpt:factory:${runId}:${part}`, "1");
  }
}

async function runIds(checkpointer: RedisCheckpointer): Promise<readonly string[]> {
  const runs = await Array.fromAsync(checkpointer.listRuns("factory"));
  return runs.map(({ runId }) => runId);
}

Deno.test("what the latest checkpoint needs expires with it, in the same millisecond", async () => {
  await withStore({ ttlSeconds: 100 }, async (checkpointer) => {
    for (let sequence = 0; sequence < 20; sequence++) {
      await checkpointer.save(record(sequence));
      const { index, ...checkpoints } = await deadlines("r1");
      const [latest = 0, ...older] = Object.values(checkpoints).toReversed();
      assertStrictEquals(index, latest);
      assert(latest > 0 && older.every((deadline) => deadline > 0 && deadline <= latest));
    }
  });
});

Deno.test("a paused run does not expire; when it goes on, all of it does again", async () => {
  await withStore({ ttlSeconds: 100 }, async (checkpointer) => {
    await checkpointer.save(record(0));
    await checkpointer.save(record(1, { status: "paused", paused: true }));
    const paused = await deadlines("r1");
    assertEquals([paused.index, paused["000001_deployer"]], [-1, -1]);
    assert((paused["000000_deployer"] ?? -1) > 0, "older checkpoints may go");
    await expire("r1");
    assertEquals((await checkpointer.loadLatest("factory", "r1"))?.sequence, 1);
    assertEquals(await runIds(checkpointer), ["r1"]);
    const history = await Array.fromAsync(checkpointer.history("factory", "r1"));
    assertEquals(sequences(history), [1]);
    await checkpointer.save(record(2));
    const goesOn = await deadlines("r1");
    for (const [key, deadline] of Object.entries(goesOn)) assert(deadline > 0, key);
    assert((goesOn["000001_deployer"] ?? 0) <= (goesOn["000002_deployer"] ?? 0));
    await expire("r1");
    assertStrictEquals(await checkpointer.loadLatest("factory", "r1"), undefined);
    assertEquals(await runIds(checkpointer), []);
  });
});

Deno.test("runs that failed, ended or were cancelled expire", async () => {
  await withStore({ ttlSeconds: 100 }, async (checkpointer) => {
    for (const status of ["failed", "completed", "cancelled", "running"] as const) {
      await checkpointer.save(record(0, { runId: status, status }));
      for (const deadline of Object.values(await deadlines(status))) assert(deadline > 0);
    }
  });
});

Deno.test("an expired run is unknown, unlisted, without a history, and may begin anew", async () => {
  await withStore({ ttlSeconds: 100 }, async (checkpointer) => {
    for (const sequence of [0, 1, 2]) await checkpointer.save(record(sequence));
    await checkpointer.save(record(0, { runId: "stays" }));
    await expire("r1");
    await server.cli("config", "resetstat");
    assertStrictEquals(await checkpointer.loadLatest("factory", "r1"), undefined);
    assertEquals(await Array.fromAsync(checkpointer.history("factory", "r1")), []);
    assertEquals(await runIds(checkpointer), ["stays"]);
    assertEquals(await server.cli("zrange", "firefly:ckpt:factory:runs", "0", "-1"), "stays");
    assertStrictEquals((await server.calls()).get("scan"), undefined);
    const again = record(0, { writer: "other" });
    await checkpointer.save(again);
    await assertStored(checkpointer, [again]);
    assertEquals(await runIds(checkpointer), ["r1", "stays"]);
  });
});

Deno.test("the id of an expired run may be used at once, without a search", async () => {
  await withStore({ ttlSeconds: 100 }, async (checkpointer) => {
    for (const sequence of [0, 1, 2]) await checkpointer.save(record(sequence));
    await expire("r1");
    await server.cli("config", "resetstat");
    await checkpointer.save(record(0, { writer: "other" }));
    assertStrictEquals((await server.calls()).get("scan"), undefined);
    await assertStored(checkpointer, [record(0, { writer: "other" })]);
  });
});

Deno.test("expired runs leave the sets of runs also where nobody lists them", async () => {
  await withStore({ ttlSeconds: 0.001 }, async (checkpointer) => {
    for (let run = 0; run < 100; run++) {
      await checkpointer.save(record(0, { runId: `r${run}` }));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    for (const set of ["runs", "expiring"]) {
      const members = Number(await server.cli("zcard", `firefly:ckpt:factory:${set}`));
      assert(members < 5, `${members} are among the ${set}`);
    }
  });
});

Deno.test("nothing stays of a run whose time comes while it is saved", async () => {
  await withStore({ ttlSeconds: 0.001 }, async (checkpointer) => {
    for (let run = 0; run < 50; run++) {
      for (let sequence = 0; sequence < 10; sequence++) {
        await checkpointer.save(record(sequence, { runId: `r${run}` }));
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
    assertStrictEquals(await server.cli("keys", "firefly:ckpt:factory:*:*"), "");
  });
});

Deno.test("a run whose time was put off is not dropped when its first time comes", async () => {
  await withStore({ ttlSeconds: 0.05 }, async (short) => {
    await using probe = await OWN_OR_IOREDIS.open(server.url(), { ttlSeconds: 100 });
    await short.save(record(0, { runId: "long" }));
    await probe.checkpointer.save(record(1, { runId: "long" }));
    await short.save(record(0, { runId: "paused" }));
    await short.save(record(1, { runId: "paused", status: "paused", paused: true }));
    await new Promise((resolve) => setTimeout(resolve, 60));
    await probe.checkpointer.save(record(0, { runId: "new" }));
    assertEquals(await runIds(probe.checkpointer), ["new", "paused", "long"]);
    assertEquals(
      await server.cli("zrange", "firefly:ckpt:factory:expiring", "0", "-1"),
      "long\nnew",
    );
    await short.save(record(2, { runId: "paused" }));
    await expire("paused");
    await server.cli("config", "resetstat");
    assertEquals(await runIds(probe.checkpointer), ["new", "long"]);
    assertStrictEquals((await server.calls()).get("scan"), undefined);
  });
});

Deno.test("the index of a long run forgets checkpoints that expired", async () => {
  await withStore({ ttlSeconds: 100 }, async (checkpointer) => {
    let sequence = 0;
    for (let round = 0; round < 20; round++) {
      for (let step = 0; step < 10; step++) {
        await checkpointer.save(record(sequence));
        sequence += step === 5 ? 4 : 1;
      }
      const latest = (await checkpointer.loadLatest("factory", "r1"))?.sequence;
      for (const key of Object.keys(await deadlines("r1"))) {
        if (!key.endsWith("_deployer") || parseInt(key) === latest) continue;
        await server.cli("del", `firefly:ckpt:factory:r1:${key}`);
      }
    }
    const fields = Number(await server.cli("hlen", "firefly:ckpt:factory:r1:index"));
    assert(fields < 60, `${fields} fields after 200 checkpoints`);
    const history = await Array.fromAsync(checkpointer.history("factory", "r1"));
    assertEquals(sequences(history), [sequence - 1]);
    for (let step = 0; step < 3; step++) await checkpointer.save(record(sequence + step));
    const after = await Array.fromAsync(checkpointer.history("factory", "r1"));
    assertEquals(sequences(after), [2, 1, 0, -1].map((step) => sequence + step));
    await checkpointer.deleteRun("factory", "r1");
    assertEquals(await server.cli("keys", "*"), "firefly:ckpt:factory:r1:deleted");
  });
});

Deno.test("a store whose time to live was cut short leaves nothing that comes back", async () => {
  await withStore({ ttlSeconds: 1_000 }, async (long) => {
    await using probe = await OWN_OR_IOREDIS.open(server.url(), { ttlSeconds: 10 });
    for (const sequence of [0, 1, 2]) await long.save(record(sequence));
    await probe.checkpointer.save(record(3));
    const { index = 0, ...checkpoints } = await deadlines("r1");
    assert((checkpoints["000002_deployer"] ?? Infinity) <= index);
    await server.cli("pexpireat", "firefly:ckpt:factory:r1:index", "1");
    await server.cli("pexpireat", "firefly:ckpt:factory:r1:000003_deployer", "1");
    // Two are left, but what they were part of is over.
    assertStrictEquals(await long.loadLatest("factory", "r1"), undefined);
    assertEquals(await runIds(long), []);
    assertStrictEquals(await long.loadLatest("factory", "r1"), undefined);
  });
});
