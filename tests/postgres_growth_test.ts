import { assert, assertEquals } from "@std/assert";
import { CheckpointConflictError, type CheckpointRecord } from "../mod.ts";
import { GROWING_STEPS, growingRun, heavyRun, WIDE_RUNS, wideRun } from "./growth.ts";
import { NODE_POOL, OWN_OR_NODE_POOL } from "./postgres_probes.ts";
import { record } from "./probe_record.ts";
import type { Database } from "./servers/database.ts";
import { startPostgres } from "./servers/postgres.ts";
import { FaultyProxy } from "./servers/proxy.ts";

const server = await startPostgres();
const { open } = OWN_OR_NODE_POOL;

async function bytesIn({ query }: Database): Promise<number> {
  const [row] = await query("SELECT pg_total_relation_size('firefly_checkpoints')::int AS bytes");
  return Number(row?.bytes);
}

Deno.test("a cycle of 1,000 stores at most 500 bytes a step in Postgres, index and all", async () => {
  await using database = await server.createDatabase();
  await using probe = await open(database.dsn);
  await growingRun(probe.checkpointer, crypto.randomUUID());
  const bytes = await bytesIn(database) / GROWING_STEPS;

  assert(bytes <= 500, `${bytes} bytes a step`);
});

Deno.test("100 steps beside a constant megabyte store and send little more than that", async () => {
  await using database = await server.createDatabase();
  await using proxy = new FaultyProxy(server.port);
  await using probe = await open(server.dsn(database.name, proxy.port));
  await heavyRun(probe.checkpointer, "run");
  const [stored, sent] = [await bytesIn(database), proxy.bytes];
  assert(stored <= 1_200_000, `${stored} bytes stored`);
  assert(sent >= 1_000_000 && sent <= 1_200_000, `${sent} bytes sent`);
});

for (const { width, mostBytes } of WIDE_RUNS) {
  Deno.test(`a fan-out of ${width} beside a constant megabyte stores ${mostBytes} bytes at most`, async () => {
    await using database = await server.createDatabase();
    await using probe = await open(database.dsn);
    await wideRun(probe.checkpointer, "run", width);
    const stored = await bytesIn(database);
    assert(stored <= mostBytes, `${stored} bytes`);
  });
}

Deno.test("what is small is stored whole, for other programs to read", async () => {
  await using database = await server.createDatabase();
  await using probe = await open(database.dsn);
  await growingRun(probe.checkpointer, "run");
  const rows = await database.query(
    "SELECT jsonb_typeof(state) AS state, jsonb_typeof(completed_nodes) AS nodes, " +
      "base_sequence FROM firefly_checkpoints ORDER BY sequence",
  );
  const whole = { state: "object", nodes: "array", base_sequence: null };
  assertEquals(rows.slice(0, 8), rows.slice(0, 8).map(() => whole));
  const changes = rows.filter(({ base_sequence }) => base_sequence !== null);
  assert(changes.length > 900, `${changes.length} changes`);
  // No program that knows whole records only takes a change for one.
  assert(changes.every(({ state, nodes }) => state === "null" && nodes === "null"));
});

/** One save for each run, all under way at once over one connection. */
async function saveAtOnce(
  records: readonly CheckpointRecord[],
  prepare: (save: (record: CheckpointRecord) => Promise<void>) => Promise<void>,
) {
  const database = await server.createDatabase();
  await server.query(`ALTER DATABASE ${database.name} SET log_statement = 'all'`);
  await using probe = await NODE_POOL.open(database.dsn);
  await prepare((record) => probe.checkpointer.save(record));
  const logged = (await server.log(database.name)).length;
  const outcomes = await Promise.allSettled(
    records.map((record) => probe.checkpointer.save(record)),
  );
  const log = (await server.log(database.name)).slice(logged);
  const statements = log.filter((entry) => entry.includes("INSERT INTO")).length;
  return { database, outcomes, statements };
}

Deno.test("saves of runs that wait share statements, and each hears of its own conflict", async () => {
  const runIds = Array.from({ length: 60 }, (_, index) => `run ${index}`);
  const taken = new Set(runIds.filter((_, index) => index % 6 === 0));
  const { database, outcomes, statements } = await saveAtOnce(
    runIds.map((runId) => record(0, { runId })),
    async (save) => {
      for (const runId of taken) await save(record(0, { runId, writer: "rival" }));
    },
  );
  await using _ = database;
  const refused = runIds.filter((_, index) => outcomes[index]?.status === "rejected");
  assertEquals(refused, [...taken]);
  for (const outcome of outcomes) {
    if (outcome.status === "rejected") assert(outcome.reason instanceof CheckpointConflictError);
  }
  const [row] = await database.query(
    "SELECT count(*)::int AS saved FROM firefly_checkpoints WHERE writer = 'w1'",
  );
  assertEquals(row?.saved, runIds.length - taken.size);
  // Refused ones are looked at one by one, twice; the 50 others share what is left.
  assert(statements <= 2 * taken.size + runIds.length / 2, `${statements} statements`);
});

Deno.test("a save that Postgres cannot take fails by itself, those beside it do not", async () => {
  const sequences = [0, 0, 0, 0, 2 ** 31, 0, 0, 0];
  const { database, outcomes } = await saveAtOnce(
    sequences.map((sequence, index) => record(sequence, { runId: `run ${index}` })),
    async () => {},
  );
  await using _ = database;
  assertEquals(
    outcomes.map(({ status }) => status),
    sequences.map((sequence) => sequence === 0 ? "fulfilled" : "rejected"),
  );
});

Deno.test("several saves of one run at once are kept apart", async () => {
  const records = [0, 1, 2, 3, 4, 5, 6, 7].map((sequence) => record(sequence));
  const { database, outcomes } = await saveAtOnce(records, async () => {});
  await using _ = database;
  const rows = await database.query("SELECT sequence FROM firefly_checkpoints ORDER BY sequence");
  const saved = records.filter((_, index) => outcomes[index]?.status === "fulfilled");
  assertEquals(rows.map(({ sequence }) => sequence), saved.map(({ sequence }) => sequence));
  assertEquals(saved.at(-1)?.sequence, 7);
});
