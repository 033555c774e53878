import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { RedisCheckpointer } from "../backends/redis.ts";
import { untyped } from "./engine_probes.ts";
import { callsOf } from "./probe_record.ts";
import { OWN_OR_IOREDIS } from "./redis_probes.ts";
import { freePort } from "./servers/port.ts";
import { runWithoutJsr } from "./without_jsr.ts";

const url = "redis://localhost:6379/0";
const client = { call: () => Promise.resolve("saved") };

/** Options as plain JavaScript may give them. */
function make(options: unknown): RedisCheckpointer {
  return new RedisCheckpointer(untyped(options));
}

Deno.test("exactly one of url and client is taken", () => {
  for (const options of [{}, { url, client }, { url: undefined }, { keyPrefix: "runs" }]) {
    const error = assertThrows(() => make(options), TypeError);
    for (const word of ["url", "client"]) assert(error.message.includes(word), error.message);
  }
});

Deno.test("a client of no known shape is refused, with those that are known", () => {
  for (const other of [{}, [], () => {}, "client", 1, null, { call: 1 }, { query() {} }]) {
    const error = assertThrows(() => make({ client: other }), TypeError);
    for (const word of ["@db/redis", "ioredis", "node-redis"]) {
      assert(error.message.includes(word), `${word} is not in: ${error.message}`);
    }
  }
});

Deno.test("a time to live is a positive number of seconds, or null for none", () => {
  for (const ttlSeconds of [0, -1, NaN, Infinity, -Infinity, "60", {}, true, 1e12, []]) {
    for (const where of [{ url }, { client }]) {
      assertThrows(() => make({ ...where, ttlSeconds }), TypeError, "ttlSeconds");
    }
  }
  for (const ttlSeconds of [1, 0.5, 1e9, null, undefined]) make({ url, ttlSeconds });
});

Deno.test("a prefix is a text that is not empty", () => {
  for (const keyPrefix of ["", 1, null, {}, ["a"], "\ud800"]) {
    for (const where of [{ url }, { client }]) {
      assertThrows(() => make({ ...where, keyPrefix }), TypeError, "keyPrefix");
    }
  }
  for (const keyPrefix of ["a", "a:b", "{a}", "*", "ü"]) make({ url, keyPrefix });
});

Deno.test("a URL that is none is refused at once, and its password is not told", () => {
  const bad = [
    "",
    "localhost",
    "http://localhost/0",
    "redis+unix:///run/redis.sock",
    "redis://me:s3cret@h:x/0",
    "redis://me:s3cret%ZZ@h/0",
    "redis://me:s3cret@h/zero",
    "redis://me:s3cret@h/-1",
    "redis://me:s3cret@h?db=1.5",
    "redis://me@h/0",
  ];
  for (const url of bad) {
    const error = assertThrows(() => make({ url }), TypeError, undefined, url);
    assert(!Deno.inspect(error).includes("s3cret"), Deno.inspect(error));
  }
});

Deno.test("times out of their range are refused", () => {
  for (const retryForMs of [-1, NaN, "1"]) {
    assertThrows(() => make({ url, retryForMs }), RangeError, "retryForMs");
  }
  for (const timeoutMs of [0, -1, NaN, "1"]) {
    assertThrows(() => make({ url, timeoutMs }), RangeError, "timeoutMs");
  }
});

Deno.test("nothing is opened before the first call", async () => {
  await using _ = make({ url: `redis://127.0.0.1:${freePort()}` });
});

Deno.test("a disposed checkpointer refuses further calls, and may be disposed of again", async () => {
  await using probe = await OWN_OR_IOREDIS.open(`redis://127.0.0.1:${freePort()}`);
  const { checkpointer } = probe;
  await checkpointer[Symbol.asyncDispose]();
  await checkpointer[Symbol.asyncDispose]();
  for (const call of callsOf(checkpointer)) await assertRejects(call, TypeError, "disposed");
});

Deno.test("without the driver the first call says what to add, and what else would do", async () => {
  const said = await runWithoutJsr(`
    import { RedisCheckpointer } from "./backends/redis.ts";
    const checkpointer = new RedisCheckpointer({ url: "${url}" });
    await checkpointer.loadLatest("factory", "r1").catch(({ message }) => console.log(message));`);
  for (const word of ["deno add jsr:@db/redis", "client"]) {
    assert(said.includes(word), `${word} is not in: ${said}`);
  }
});

Deno.test("without the driver a client of one's own works", async () => {
  const said = await runWithoutJsr(`
    import { RedisCheckpointer } from "./backends/redis.ts";
    const client = { call: () => Promise.resolve(["expired"]) };
    const checkpointer = new RedisCheckpointer({ client });
    console.log("loaded", await checkpointer.loadLatest("factory", "r1"));`);
  assertEquals(said.trim().split("\n")[0], "loaded undefined");
});
