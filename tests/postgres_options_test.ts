import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { PostgresCheckpointer, postgresSchema } from "../backends/postgres.ts";
import { untyped } from "./engine_probes.ts";
import { OWN_OR_NODE_POOL } from "./postgres_probes.ts";
import { callsOf } from "./probe_record.ts";
import { freePort } from "./servers/port.ts";
import { runWithoutJsr } from "./without_jsr.ts";

const url = "postgresql://localhost/runs";
const client = { query: () => Promise.resolve({ rows: [] }) };

/** Options as plain JavaScript may give them. */
function make(options: unknown): PostgresCheckpointer {
  return new PostgresCheckpointer(untyped(options));
}

Deno.test("exactly one of url and client is taken", () => {
  for (const options of [{}, { url, client }, { url: undefined }, { tableName: "runs" }]) {
    const error = assertThrows(() => make(options), TypeError);
    for (const word of ["url", "client"]) assert(error.message.includes(word), error.message);
  }
});

Deno.test("a client of no known shape is refused, with those that are known", () => {
  for (const other of [{}, [], () => {}, "client", 1, null, { query: 1 }, { execute() {} }]) {
    const error = assertThrows(() => make({ client: other }), TypeError);
    for (const word of ["@db/postgres", "node-postgres", "postgres.js", "neon", "PGlite"]) {
      assert(error.message.includes(word), `${word} is not in: ${error.message}`);
    }
  }
});

Deno.test("a table's name holds letters, digits and _ only", () => {
  const names = [
    "",
    " ",
    "a b",
    "a-b",
    "a.b",
    'a"b',
    "a;b",
    "a'b",
    "a\n",
    "\na",
    "täble",
    "a\0",
    "*",
    "a".repeat(64),
  ];
  for (const tableName of names) {
    assertThrows(() => make({ url, tableName }), TypeError);
    assertThrows(() => make({ client, tableName }), TypeError);
  }
  for (const tableName of [1, null, {}, ["runs"]]) {
    assertThrows(() => make({ url, tableName }), TypeError);
  }
  for (const tableName of ["a", "A", "_", "0", "a".repeat(63)]) make({ url, tableName });
});

Deno.test("the DDL of a table whose name could hold anything is not made", () => {
  assertThrows(() => postgresSchema('a"; DROP TABLE runs; --'), TypeError);
});

Deno.test("a URL that is none is refused at once, and its password is not told", () => {
  const bad = [
    "",
    "localhost",
    "http://localhost/a",
    "mysql://me:s3cret@h/a",
    "postgresql://me:s3cret@h:x/a",
  ];
  for (const url of bad) {
    const error = assertThrows(() => make({ url }), TypeError);
    assert(!Deno.inspect(error).includes("s3cret"), Deno.inspect(error));
  }
  assertThrows(() => make({ url: `${url}?sslmode=maybe` }), TypeError, "sslmode");
});

Deno.test("sizes and times out of their range are refused", () => {
  for (const poolSize of [0, -1, NaN, "3"]) {
    assertThrows(() => make({ url, poolSize }), RangeError, "poolSize");
  }
  for (const retryForMs of [-1, NaN, "1"]) {
    assertThrows(() => make({ url, retryForMs }), RangeError, "retryForMs");
  }
});

Deno.test("nothing is opened before the first call", async () => {
  await using _ = make({ url: `postgresql://postgres@127.0.0.1:${freePort()}/runs` });
});

Deno.test("a disposed checkpointer refuses further calls, and may be disposed of again", async () => {
  const dsn = `postgresql://postgres@127.0.0.1:${freePort()}/runs`;
  await using probe = await OWN_OR_NODE_POOL.open(dsn);
  const { checkpointer } = probe;
  await checkpointer[Symbol.asyncDispose]();
  await checkpointer[Symbol.asyncDispose]();
  for (const call of callsOf(checkpointer)) await assertRejects(call, Error, "disposed");
});

Deno.test("without the driver the first call says what to add, and what else would do", async () => {
  const said = await runWithoutJsr(`
    import { PostgresCheckpointer } from "./backends/postgres.ts";
    const checkpointer = new PostgresCheckpointer({ url: "${url}" });
    await checkpointer.loadLatest("factory", "r1").catch(({ message }) => console.log(message));`);
  for (const word of ["deno add jsr:@db/postgres", "client"]) {
    assert(said.includes(word), `${word} is not in: ${said}`);
  }
});

Deno.test("without the driver a client of one's own works", async () => {
  const said = await runWithoutJsr(`
    import { PostgresCheckpointer } from "./backends/postgres.ts";
    const client = { query: () => Promise.resolve({ rows: [] }) };
    const checkpointer = new PostgresCheckpointer({ client });
    console.log("loaded", await checkpointer.loadLatest("factory", "r1"));`);
  assertEquals(said.trim().split("\n")[0], "loaded undefined");
});
