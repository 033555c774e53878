import { assert, assertEquals, assertRejects } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { Buffer } from "node:buffer";
import { Redis } from "npm:ioredis@6.0.0";
import { createClient, RESP_TYPES } from "npm:redis@6.3.1";
import { RedisCheckpointer, type RedisClient, RedisError } from "../backends/redis.ts";
import { configArgs } from "../tools/deno_args.ts";
import { record } from "./probe_record.ts";
import { DRIVERS, end } from "./redis_probes.ts";
import { freePort } from "./servers/port.ts";
import { FaultyProxy } from "./servers/proxy.ts";
import { startRedis } from "./servers/redis.ts";
import { whyNoRedisDriver } from "./servers/registry.ts";
import { assertRefused, assertStored } from "./suite/checks.ts";

const server = await startRedis();
const reason = await whyNoRedisDriver();
const driver = { ignore: reason !== undefined };

/** How many clients are connected, this one not counted. */
async function clients(): Promise<number> {
  return (await server.cli("client", "list")).split("\n").length - 1;
}

for (const { name, ignore, ownsConnections, open } of DRIVERS) {
  const options = { ignore: ignore !== undefined };
  const behaviour = ownsConnections
    ? `${name}: disposing closes the connection that was opened`
    : `${name}: disposing leaves the caller's client as it is`;

  Deno.test(behaviour, options, async () => {
    await server.cli("flushall");
    const before = await clients();
    {
      await using probe = await open(server.url());
      await probe.checkpointer.save(record(0));
      assert(await clients() > before);
      await probe.checkpointer[Symbol.asyncDispose]();
      if (ownsConnections) assertEquals(await clients(), before);
      else assert(await clients() > before);
    }
  });

  Deno.test(`${name}: disposing waits for what is under way`, options, async () => {
    await server.cli("flushall");
    const before = await clients();
    await using probe = await open(server.url());
    const saving = Array.from(
      { length: 10 },
      (_, run) => probe.checkpointer.save(record(0, { runId: `run ${run}` })),
    );
    const disposing = probe.checkpointer[Symbol.asyncDispose]();
    await Promise.all(saving);
    await disposing;
    if (ownsConnections) assertEquals(await clients(), before);
    assertEquals(await server.cli("zcard", "firefly:ckpt:factory:runs"), "10");
  });

  Deno.test(
    `${name}: of what is asked for at once, each gets its own answer`,
    options,
    async () => {
      await server.cli("flushall");
      await using probe = await open(server.url());
      const { checkpointer } = probe;
      const theirs = Array.from({ length: 60 }, (_, run) => record(3, { runId: `run ${run}` }));
      await Promise.all(theirs.map((one) => checkpointer.save(one)));
      await Promise.all(theirs.map(async (one, index) => {
        if (index % 3 === 0) await assertRefused(checkpointer, { ...one, writer: "rival" });
        if (index % 3 === 1) await checkpointer.save({ ...one, sequence: 4 });
        if (index % 3 === 2) await assertStored(checkpointer, [one]);
      }));
    },
  );
}

Deno.test({
  name: "through @db/redis a URL opens one connection, however much is asked for at once",
  ...driver,
  async fn() {
    await using proxy = new FaultyProxy(server.port);
    await using checkpointer = new RedisCheckpointer({ url: server.url(3, proxy.port) });
    await Promise.all(
      Array.from({ length: 300 }, (_, run) => checkpointer.save(record(0, { runId: `r${run}` }))),
    );
    assertEquals(proxy.connections, 1);
    assertEquals((await Array.fromAsync(checkpointer.listRuns("factory"))).length, 300);
  },
});

Deno.test({
  name: "a lazy client of @db/redis connects for the first of many calls",
  ...driver,
  async fn() {
    await server.cli("flushall");
    const { createLazyClient } = await import("@db/redis");
    const client = createLazyClient({ hostname: "127.0.0.1", port: server.port });
    const checkpointer = new RedisCheckpointer({ client });
    await Promise.all(
      Array.from({ length: 10 }, (_, run) => checkpointer.save(record(0, { runId: `r${run}` }))),
    );
    assertEquals((await Array.fromAsync(checkpointer.listRuns("factory"))).length, 10);
    client.close();
  },
});

Deno.test("a client that gives bytes or other numbers is understood", async () => {
  const nodeRedis = createClient({ url: server.url(), RESP: 2 })
    .withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  await nodeRedis.connect();
  const resp2 = await createClient({ url: server.url(), RESP: 2 }).connect();
  const ioredis = new Redis(server.url(), { stringNumbers: true, enableAutoPipelining: true });
  const others: readonly RedisClient[] = [nodeRedis, resp2, ioredis];
  for (const client of others) {
    await server.cli("flushall");
    const checkpointer = new RedisCheckpointer({ client });
    for (const sequence of [0, 1, 2]) await checkpointer.save(record(sequence));
    await assertStored(checkpointer, [record(2), record(1), record(0)]);
    assertEquals((await Array.fromAsync(checkpointer.listRuns("factory"))).length, 1);
    await checkpointer.deleteRun("factory", "r1");
    assertEquals(await server.cli("keys", "*"), "firefly:ckpt:factory:r1:deleted");
  }
  nodeRedis.destroy();
  resp2.destroy();
  await end(ioredis);
});

Deno.test("a client that the caller ended fails calls, and ends nothing else", async () => {
  const ioredis = new Redis(server.url());
  const nodeRedis = await createClient({ url: server.url() }).connect();
  for (const client of [ioredis, nodeRedis]) {
    await new RedisCheckpointer({ client }).save(record(0));
  }
  await end(ioredis);
  nodeRedis.destroy();
  for (const client of [ioredis, nodeRedis]) {
    const checkpointer = new RedisCheckpointer({ client, retryForMs: 100 });
    const error = await assertRejects(() => checkpointer.save(record(1)), RedisError);
    assert(error.cause instanceof Error);
  }
});

Deno.test("a client that answers what no script answers is told as such", async () => {
  for (const reply of [7, {}, ["saved"], true]) {
    const client = { call: () => Promise.resolve(reply) };
    const checkpointer = new RedisCheckpointer({ client });
    await assertRejects(() => checkpointer.save(record(0)), TypeError, "Cannot read");
  }
});

const SCRIPT = `
  import { RedisCheckpointer } from "./backends/redis.ts";
  import { record } from "./tests/probe_record.ts";
  await using checkpointer = new RedisCheckpointer({ url: Deno.args[0], retryForMs: 0, timeoutMs: 2000 });
  try {
    await checkpointer.save(record(0));
    console.log("saved", (await checkpointer.loadLatest("factory", "r1")).sequence);
  } catch (error) {
    console.log(error.name, error.cause?.name);
  }`;

/** Runs a process that saves a checkpoint by URL. */
async function saveElsewhere(url: string, ...flags: readonly string[]): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", ...configArgs(), ...flags, SCRIPT, url],
    cwd: fromFileUrl(new URL("../", import.meta.url)),
    env: { NO_COLOR: "1" },
  }).output();
  const [said = "", complaint = ""] = [stdout, stderr].map((bytes) =>
    new TextDecoder().decode(bytes)
  );
  assert(!complaint.includes("Uncaught"), complaint);
  return said.trim();
}

Deno.test({
  name: "rediss:// through @db/redis is encrypted, and never falls back to plain text",
  ...driver,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const [key, certificate] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
      const { success, stderr } = await new Deno.Command("openssl", {
        args: [
          ...[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "1",
            "-subj",
            "/CN=localhost",
          ],
          ...["-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
          ...["-addext", "basicConstraints=critical,CA:FALSE"],
        ],
      }).output();
      assert(success, new TextDecoder().decode(stderr));
      await using encrypted = await startRedis(
        undefined,
        ...["--tls-port", String(freePort()), "--tls-auth-clients", "no"],
        ...[
          "--tls-cert-file",
          certificate,
          "--tls-key-file",
          key,
          "--tls-ca-cert-file",
          certificate,
        ],
      );
      const [, port] = (await encrypted.cli("config", "get", "tls-port")).split("\n");
      const url = `rediss://localhost:${port}/0`;
      assertEquals(await saveElsewhere(url, "--cert", certificate), "saved 0");
      assertEquals(await saveElsewhere(url), "RedisError InvalidData");
      await server.cli("flushall");
      await using proxy = new FaultyProxy(server.port);
      const plain = `rediss://localhost:${proxy.port}/0`;
      assert((await saveElsewhere(plain, "--cert", certificate)).startsWith("RedisError"));
      assert(proxy.connections > 0);
      assertEquals(await server.cli("dbsize"), "0");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
