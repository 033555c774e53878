import { assert, assertEquals, assertRejects } from "@std/assert";
// @ts-types="npm:@types/pg@8.23.1"
import pg from "npm:pg@8.23.1";
import { PostgresError } from "../backends/postgres.ts";
import { CheckpointSaveError, definePipeline, END, RecordVersionError, unchecked } from "../mod.ts";
import { OWN_OR_NODE_POOL } from "./postgres_probes.ts";
import { record } from "./probe_record.ts";
import { freePort } from "./servers/port.ts";
import { GUARDED, startPostgres } from "./servers/postgres.ts";
import { FaultyProxy } from "./servers/proxy.ts";
import { assertStored } from "./suite/checks.ts";

const server = await startPostgres();
const { open } = OWN_OR_NODE_POOL;

/** Asserts that a call fails as Postgres or the network says it must. */
async function assertFails(
  call: () => Promise<unknown>,
  code: string | undefined,
): Promise<PostgresError> {
  const error = await assertRejects(call, PostgresError);
  assert(error instanceof PostgresError);
  assertEquals(error.code, code, Deno.inspect(error));
  assert(error.cause instanceof Error, Deno.inspect(error));
  if (code !== undefined) assert(error.message.includes(code), error.message);
  return error;
}

Deno.test("a wrong password is told as such, and is not shown", async () => {
  const dsn = new URL(server.dsn());
  dsn.username = GUARDED.user;
  dsn.password = "s3cret";
  await using probe = await open(dsn.href);
  const error = await assertFails(() => probe.checkpointer.save(record(0)), "28P01");
  assert(!Deno.inspect(error).includes("s3cret"), Deno.inspect(error));
});

Deno.test("a password with special characters is understood", async () => {
  await using database = await server.createDatabase();
  await database.query(`GRANT CREATE ON SCHEMA public TO ${GUARDED.user}`);
  const dsn = new URL(database.dsn);
  dsn.username = GUARDED.user;
  dsn.password = encodeURIComponent(GUARDED.password);
  await using probe = await open(dsn.href);
  await probe.checkpointer.save(record(0));
  await assertStored(probe.checkpointer, [record(0)]);
});

Deno.test("a host that does not exist fails with the cause", async () => {
  const dsn = "postgresql://postgres@no-such-host.invalid/runs";
  await using probe = await open(dsn, { retryForMs: 0 });
  await assertFails(() => probe.checkpointer.save(record(0)), undefined);
});

Deno.test("a port that nobody listens on fails with the cause", async () => {
  const dsn = `postgresql://postgres@127.0.0.1:${freePort()}/runs`;
  await using probe = await open(dsn, { retryForMs: 50 });
  await assertFails(() => probe.checkpointer.loadLatest("factory", "r1"), undefined);
});

Deno.test("a database that does not exist is told as such", async () => {
  await using probe = await open(server.dsn("no_such_database"));
  await assertFails(() => probe.checkpointer.save(record(0)), "3D000");
});

Deno.test("where TLS is required and not there, nothing is sent in plain text", async () => {
  await using database = await server.createDatabase();
  await using proxy = new FaultyProxy(server.port);
  const dsn = `${server.dsn(database.name, proxy.port)}?sslmode=require`;
  await using probe = await open(dsn, { retryForMs: 0 });
  await assertFails(() => probe.checkpointer.save(record(0)), undefined);
  assert(proxy.connections > 0);
  // A request for TLS has 8 bytes; who goes on in plain text sends at least the user's name.
  assertEquals(proxy.bytes, 8 * proxy.connections);
});

Deno.test("a statement that takes too long fails, and the run can go on", async () => {
  await using database = await server.createDatabase();
  await database.query(`ALTER DATABASE ${database.name} SET statement_timeout = '200ms'`);
  await using probe = await open(database.dsn);
  await probe.checkpointer.save(record(0));
  const holder = new pg.Client({ connectionString: database.dsn });
  await holder.connect();
  try {
    await holder.query("BEGIN; LOCK TABLE firefly_checkpoints");
    await assertFails(() => probe.checkpointer.save(record(1)), "57014");
  } finally {
    await holder.end();
  }
  await probe.checkpointer.save(record(1));
  await assertStored(probe.checkpointer, [record(1), record(0)]);
});

Deno.test("a read-only server refuses saves and tells what it has", async () => {
  await using database = await server.createDatabase();
  {
    await using probe = await open(database.dsn);
    await probe.checkpointer.save(record(0));
  }
  await server.query(`ALTER DATABASE ${database.name} SET default_transaction_read_only = on`);
  await using probe = await open(database.dsn);
  await assertFails(() => probe.checkpointer.save(record(1)), "25006");
  await assertStored(probe.checkpointer, [record(0)]);
  await assertFails(() => probe.checkpointer.deleteRun("factory", "r1"), "25006");
});

Deno.test("a read-only server without the table says what it refused", async () => {
  await using database = await server.createDatabase();
  await server.query(`ALTER DATABASE ${database.name} SET default_transaction_read_only = on`);
  await using probe = await open(database.dsn);
  await assertFails(() => probe.checkpointer.save(record(0)), "25006");
});

Deno.test("a disk that is full fails the call, and the run goes on when there is room", async () => {
  await using database = await server.createDatabase();
  await using probe = await open(database.dsn);
  const { checkpointer } = probe;
  await checkpointer.save(record(0, { pipelineName: "other" }));
  // The server's own words and SQLSTATE, without filling the disk of who runs the tests.
  await database.query(`
    CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
    CREATE TRIGGER full_disk BEFORE INSERT ON firefly_checkpoints
      FOR EACH ROW WHEN (NEW.sequence = 2) EXECUTE FUNCTION fill()`);
  const pipeline = definePipeline({
    name: "factory",
    state: unchecked<{ step: number }>(),
    nodes: { add: ({ step }) => ({ step: step + 1 }) },
    start: "add",
    edges: { add: ({ step }) => step < 3 ? "add" : END },
  }, { checkpointer });
  const error = await assertRejects(
    () => pipeline.invoke({ step: 0 }, { runId: "r1" }),
    CheckpointSaveError,
    "No space left on device",
  );
  assert(error instanceof CheckpointSaveError && error.cause instanceof PostgresError);
  assertEquals([error.lastSequence, error.cause.code], [1, "53100"]);
  await database.query("DROP TRIGGER full_disk ON firefly_checkpoints");
  const result = await pipeline.resume("r1");
  assertEquals([result.status, result.state.step], ["completed", 3]);
});

Deno.test("a checkpoint of a newer version is refused, not passed over", async () => {
  await using database = await server.createDatabase();
  await using probe = await open(database.dsn);
  const { checkpointer } = probe;
  await checkpointer.save(record(0));
  await checkpointer.save(record(1, { version: 2 }));
  const reads: readonly (() => Promise<unknown>)[] = [
    () => checkpointer.loadLatest("factory", "r1"),
    () => Array.fromAsync(checkpointer.listRuns("factory")),
    () => Array.fromAsync(checkpointer.history("factory", "r1")),
  ];
  for (const read of reads) await assertRejects(read, RecordVersionError, "version 2");
});

Deno.test("a table that is dropped under a checkpointer fails the call with its SQLSTATE", async () => {
  await using database = await server.createDatabase();
  await using probe = await open(database.dsn);
  await probe.checkpointer.save(record(0));
  await database.query("DROP TABLE firefly_checkpoints");
  await assertFails(() => probe.checkpointer.save(record(1)), "42P01");
});

Deno.test("a state of 100 MB is stored", async () => {
  await using database = await server.createDatabase();
  await using probe = await open(database.dsn);
  const part = "x".repeat(1_000_000);
  const saved = record(0, { state: { parts: Array.from({ length: 100 }, () => part) } });
  await probe.checkpointer.save(saved);
  await assertStored(probe.checkpointer, [saved]);
});

Deno.test("a unix socket is reached as libpq reaches it", async () => {
  await using database = await server.createDatabase();
  const place = `host=${encodeURIComponent(server.folder)}&port=${server.port}`;
  await using probe = await open(`postgresql:///${database.name}?${place}&user=postgres`);
  await probe.checkpointer.save(record(0));
  assertEquals((await database.query("SELECT run_id FROM firefly_checkpoints")).length, 1);
});
