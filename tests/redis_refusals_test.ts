import { assert, assertEquals, assertRejects } from "@std/assert";
import { RedisCheckpointer, RedisError } from "../backends/redis.ts";
import { CheckpointSaveError, RecordVersionError } from "../mod.ts";
import { counting } from "./disturbed_runs.ts";
import { record } from "./probe_record.ts";
import { OWN_OR_IOREDIS } from "./redis_probes.ts";
import { freePort } from "./servers/port.ts";
import { startRedis, type ThrowAwayRedis } from "./servers/redis.ts";
import { assertStored } from "./suite/checks.ts";

const { open, ownsConnections } = OWN_OR_IOREDIS;

/** Asserts that a call fails as Redis or the network says it must. */
async function assertFails(
  call: () => Promise<unknown>,
  code: string | undefined,
): Promise<RedisError> {
  const error = await assertRejects(call, RedisError);
  assert(error instanceof RedisError);
  assertEquals(error.code, code, Deno.inspect(error));
  assert(error.cause instanceof Error, Deno.inspect(error));
  if (code !== undefined) assert(error.message.includes(code), error.message);
  return error;
}

/** All that a server holds: every key with its type, value and deadline. */
async function contents(server: ThrowAwayRedis): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const key of (await server.cli("keys", "*")).split("\n").toSorted()) {
    const isHash = await server.cli("type", key) === "hash";
    const held = isHash ? await fieldsOf(server, key) : await server.cli("dump", key);
    found.set(key, `${await server.cli("pexpiretime", key)} ${held}`);
  }
  return found;
}

/** The fields of a hash and their values; their order changes by itself. */
async function fieldsOf(server: ThrowAwayRedis, key: string): Promise<string> {
  const fields = (await server.cli("hkeys", key)).split("\n").toSorted();
  return `${fields} ${await server.cli("hmget", key, ...fields)}`;
}

Deno.test("a wrong password is told as such, and is not shown", async () => {
  await using server = await startRedis();
  await server.cli("config", "set", "requirepass", "right");
  for (const [credentials, code] of [[":s3cret", "WRONGPASS"], ["me:s3cret", "WRONGPASS"]]) {
    const url = server.url().replace("//", `//${credentials}@`);
    await using probe = await open(url, { retryForMs: 0 });
    const error = await assertFails(() => probe.checkpointer.save(record(0)), code);
    // What ioredis throws has the command with it, for whoever prints the cause.
    const shown = ownsConnections ? Deno.inspect(error) : error.message;
    assert(!shown.includes("s3cret"), shown);
  }
  await using probe = await open(server.url(), { retryForMs: 0 });
  await assertFails(() => probe.checkpointer.loadLatest("factory", "r1"), "NOAUTH");
});

Deno.test("a user of little power, with an odd password, can do all that is needed", async () => {
  await using server = await startRedis();
  const password = "correct:horse@battery/100%";
  await server.cli(
    ...["acl", "setuser", "app", "on", `>${password}`, "~firefly:ckpt:*"],
    ...["+@read", "+@write", "-@dangerous", "+eval", "+evalsha", "+time", "+@connection", "+info"],
  );
  const url = server.url(2).replace("//", `//app:${encodeURIComponent(password)}@`);
  await using probe = await open(url, { retryForMs: 0 });
  const { checkpointer } = probe;
  await checkpointer.save(record(0));
  await checkpointer.save(record(1, { status: "paused", paused: true }));
  await checkpointer.save(record(2));
  assertEquals((await Array.fromAsync(checkpointer.listRuns("factory"))).length, 1);
  assertEquals((await Array.fromAsync(checkpointer.history("factory", "r1"))).length, 3);
  assertEquals(await checkpointer.loadLatest("factory", "nobody's"), undefined);
  await checkpointer.deleteRun("factory", "r1");
  assertEquals(await server.cli("-n", "2", "keys", "*"), "firefly:ckpt:factory:r1:deleted");
  await using elsewhere = await open(url, { retryForMs: 0, keyPrefix: "elsewhere" });
  await assertFails(() => elsewhere.checkpointer.save(record(0)), "NOPERM");
});

Deno.test("a host, port or database that does not exist fails with the cause", async () => {
  await using server = await startRedis();
  await using nowhere = await open("redis://no-such-host.invalid", { retryForMs: 0 });
  const impatient = { retryForMs: 50, timeoutMs: 200 };
  await assertRejects(() => nowhere.checkpointer.save(record(0)), RedisError);
  await using closed = await open(`redis://127.0.0.1:${freePort()}`, impatient);
  await assertRejects(() => closed.checkpointer.loadLatest("factory", "r1"), RedisError);
  // ioredis goes on in another database.
  if (!ownsConnections) return;
  await using probe = await open(server.url(99), impatient);
  await assertRejects(() => probe.checkpointer.save(record(0)), RedisError);
});

Deno.test("a server without memory refuses the save as a whole, and the run goes on later", async () => {
  await using server = await startRedis();
  await using probe = await open(server.url());
  const { checkpointer } = probe;
  let before: ReadonlyMap<string, string> | undefined;
  const { pipeline } = counting(checkpointer, 5, {
    async run({ count }) {
      if (count !== 2 || before !== undefined) return;
      before = await contents(server);
      await server.cli("config", "set", "maxmemory", "1");
    },
  });
  const error = await assertRejects(
    () => pipeline.invoke({ count: 0 }, { runId: "r" }),
    CheckpointSaveError,
  );
  assert(error instanceof CheckpointSaveError && error.cause instanceof RedisError);
  assertEquals([error.lastSequence, error.cause.code], [2, "OOM"]);
  assertEquals(await contents(server), before);
  await assertFails(() => checkpointer.save(record(0)), "OOM");
  assertEquals(await contents(server), before);
  assertEquals((await checkpointer.loadLatest("counting", "r"))?.sequence, 2);
  await server.cli("config", "set", "maxmemory", "0");
  const result = await pipeline.resume("r");
  assertEquals([result.status, result.state.count], ["completed", 5]);
});

Deno.test("a client that throws at once is told as one that rejects", async () => {
  const client = {
    call(): Promise<unknown> {
      throw new Error("no connection at all");
    },
  };
  const checkpointer = new RedisCheckpointer({ client, retryForMs: 0 });
  // The first call has to wait for the digest of its script, the second one does not.
  for (let call = 0; call < 2; call++) {
    const error = await assertFails(() => checkpointer.save(record(0)), undefined);
    assertEquals(error.message, "Cannot save a checkpoint in Redis: no connection at all");
  }
});

Deno.test("a foreign key in the way is named, and nothing is changed", async () => {
  await using server = await startRedis();
  await using probe = await open(server.url());
  const { checkpointer } = probe;
  const keyOfNext = "firefly:ckpt:factory:r1:000001_deployer";
  await checkpointer.save(record(0));
  const ours = (await server.cli("keys", "*")).split("\n")
    .filter((key) => !key.endsWith(":000000_deployer"));
  await server.cli("flushall");
  for (const isBegun of [false, true]) {
    for (const key of [...ours, isBegun ? keyOfNext : "firefly:ckpt:factory:r1:000000_deployer"]) {
      if (isBegun) await checkpointer.save(record(0));
      await server.cli("del", key);
      await server.cli("rpush", key, "not yours");
      const before = await contents(server);
      // Among the expiring, nobody looks again before the run was paused.
      if (isBegun && key.endsWith(":expiring")) continue;
      const error = await assertFails(
        () => checkpointer.save(record(isBegun ? 1 : 0)),
        "WRONGTYPE",
      );
      assert(error.message.includes(key), error.message);
      assertEquals(await contents(server), before, key);
      await server.cli("flushall");
    }
  }
});

Deno.test("a replica tells what it has, and refuses saves until it is a primary", async () => {
  await using primary = await startRedis();
  await using replica = await startRedis();
  {
    await using probe = await open(primary.url());
    for (let run = 0; run < 3; run++) {
      await probe.checkpointer.save(record(0, { runId: `r${run}` }));
      await probe.checkpointer.save(record(1, { runId: `r${run}` }));
    }
  }
  await replica.cli("replicaof", "127.0.0.1", String(primary.port));
  await replica.cli("config", "set", "repl-timeout", "5");
  while (!(await replica.cli("info", "replication")).includes("master_link_status:up")) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await using impatient = await open(replica.url(), { retryForMs: 0 });
  await assertStored(impatient.checkpointer, [
    record(1, { runId: "r0" }),
    record(0, { runId: "r0" }),
  ]);
  // What is gone from its index is told as gone, though it cannot be tidied up here.
  await primary.cli("del", "firefly:ckpt:factory:r2:index");
  await primary.cli("wait", "1", "1000");
  const listed = await Array.fromAsync(impatient.checkpointer.listRuns("factory"));
  assertEquals(listed.map(({ runId }) => runId), ["r1", "r0"]);
  await assertFails(() => impatient.checkpointer.save(record(2, { runId: "r0" })), "READONLY");
  await assertFails(() => impatient.checkpointer.deleteRun("factory", "r0"), "READONLY");
  await using patient = await open(replica.url());
  const saving = patient.checkpointer.save(record(2, { runId: "r0" }));
  await replica.cli("replicaof", "no", "one");
  await saving;
  assertEquals((await patient.checkpointer.loadLatest("factory", "r0"))?.sequence, 2);
});

Deno.test("a primary that misses its replicas is asked again until it has them", async () => {
  await using server = await startRedis();
  await server.cli("config", "set", "min-replicas-to-write", "1");
  await using impatient = await open(server.url(), { retryForMs: 0 });
  await assertFails(() => impatient.checkpointer.save(record(0)), "NOREPLICAS");
  assertEquals(await server.cli("keys", "*"), "");
  await using probe = await open(server.url());
  const saving = probe.checkpointer.save(record(0));
  await server.cli("config", "set", "min-replicas-to-write", "0");
  await saving;
  await assertStored(probe.checkpointer, [record(0)]);
});

Deno.test("a server that is busy with somebody's script is asked again until it is not", async () => {
  await using server = await startRedis();
  await server.cli("config", "set", "busy-reply-threshold", "20");
  await using probe = await open(server.url());
  await probe.checkpointer.save(record(0));
  const looping = server.cli("eval", "while true do end", "0").catch(() => {});
  while (!(await server.cli("ping").catch(String)).includes("BUSY")) { /* it has just begun */ }
  await using impatient = await open(server.url(), { retryForMs: 0 });
  await assertFails(() => impatient.checkpointer.loadLatest("factory", "r1"), "BUSY");
  const saving = probe.checkpointer.save(record(1));
  await server.cli("script", "kill");
  await looping;
  await saving;
  await assertStored(probe.checkpointer, [record(1), record(0)]);
});

Deno.test("a checkpoint of a newer version is refused, not passed over", async () => {
  await using server = await startRedis();
  await using probe = await open(server.url());
  const { checkpointer } = probe;
  for (const state of [{ text: "" }, { text: "x".repeat(10_000) }]) {
    await checkpointer.save(record(0));
    await checkpointer.save(record(1, { version: 2, state }));
    const reads: readonly (() => Promise<unknown>)[] = [
      () => checkpointer.loadLatest("factory", "r1"),
      () => Array.fromAsync(checkpointer.listRuns("factory")),
      () => Array.fromAsync(checkpointer.history("factory", "r1")),
    ];
    for (const read of reads) await assertRejects(read, RecordVersionError, "version 2");
    await checkpointer.deleteRun("factory", "r1");
  }
});

Deno.test("a checkpoint that was evicted is told as lost, not taken for another", async () => {
  await using server = await startRedis();
  await using probe = await open(server.url());
  const { checkpointer } = probe;
  for (const sequence of [0, 1, 2]) await checkpointer.save(record(sequence));
  await server.cli("del", "firefly:ckpt:factory:r1:000002_deployer");
  const error = await assertRejects(() => checkpointer.loadLatest("factory", "r1"), RedisError);
  for (const word of [`"r1"`, `"factory"`, "noeviction"]) {
    assert(error.message.includes(word), error.message);
  }
  const history = await Array.fromAsync(checkpointer.history("factory", "r1"));
  assertEquals(history.map(({ sequence }) => sequence), [1, 0]);
  await checkpointer.deleteRun("factory", "r1");
  assertEquals(await checkpointer.loadLatest("factory", "r1"), undefined);
});

Deno.test("a state of 100 MB is stored", async () => {
  await using server = await startRedis();
  await using probe = await open(server.url());
  const part = "x".repeat(1_000_000);
  const saved = record(0, { state: { parts: Array.from({ length: 100 }, () => part) } });
  await probe.checkpointer.save(saved);
  await assertStored(probe.checkpointer, [saved]);
  assertEquals((await Array.fromAsync(probe.checkpointer.listRuns("factory"))).length, 1);
});
