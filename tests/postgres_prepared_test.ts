import { assert, assertEquals, assertRejects } from "@std/assert";
import { PostgresCheckpointer } from "../backends/postgres.ts";
import { CheckpointConflictError, type Checkpointer, type CheckpointRecord } from "../mod.ts";
import { changeBetween } from "../pipeline/change.ts";
import { DRIVERS, NODE_POOL, OWN_OR_NODE_POOL } from "./postgres_probes.ts";
import { record } from "./probe_record.ts";
import { assertRecord } from "./suite/checks.ts";
import { connect, type Database } from "./servers/database.ts";
import { startPgBouncer } from "./servers/pgbouncer.ts";
import { startPostgres } from "./servers/postgres.ts";
import { saveUpon } from "./suite/saving.ts";

const server = await startPostgres();

/** Saves that a checkpointer makes before it has a statement prepared. */
const UNPREPARED = 9;

async function makeDatabase(): Promise<Database> {
  const database = await server.createDatabase();
  await server.query(`ALTER DATABASE ${database.name} SET log_statement = 'all'`);
  return database;
}

/** How often statements of each kind were run in a database. */
async function statementsIn({ name }: Database) {
  const log = await server.log(name);
  const count = (word: string) =>
    log.filter((entry) => new RegExp(`^LOG:\\s+statement: ${word} `).test(entry)).length;
  return { prepared: count("PREPARE"), executed: count("EXECUTE"), inserted: count("INSERT") };
}

/** Saves the next checkpoint of a run, as the engine does. */
function saveNext(
  checkpointer: Checkpointer,
  last: CheckpointRecord,
  fields: Partial<CheckpointRecord> = {},
): Promise<CheckpointRecord> {
  const next = record(last.sequence + 1, { runId: last.runId, ...fields });
  return saveUpon(checkpointer, last, next);
}

/** Saves the first checkpoints of a run; the last one. */
async function saveSome(
  checkpointer: Checkpointer,
  count: number,
  runId = "r1",
): Promise<CheckpointRecord> {
  let last = record(0, { runId });
  await checkpointer.save(last);
  while (last.sequence < count - 1) last = await saveNext(checkpointer, last);
  return last;
}

for (const { name, ignore, open } of DRIVERS) {
  const options = { ignore: ignore !== undefined };

  Deno.test(
    `${name} plans what saves ask once, and again when it knows the table better`,
    options,
    async () => {
      await using database = await makeDatabase();
      await using probe = await open(database.dsn, { poolSize: 1 });
      await saveSome(probe.checkpointer, 140);
      assertEquals(await statementsIn(database), { prepared: 2, executed: 132, inserted: 8 });
      const latest = await probe.checkpointer.loadLatest("factory", "r1");
      assertEquals(latest?.sequence, 139);
    },
  );
}

Deno.test("without `prepare` no session keeps anything", async () => {
  await using database = await makeDatabase();
  await using connection = await connect(database);
  const { client } = connection;
  const checkpointer = new PostgresCheckpointer({ client, prepare: false });
  await saveSome(checkpointer, 20);
  for (let loads = 0; loads < 20; loads++) await checkpointer.loadLatest("factory", "r1");
  assertEquals(await statementsIn(database), { prepared: 0, executed: 0, inserted: 20 });
});

Deno.test("a session that forgot how to load is told it again, and every load tells what is stored", async () => {
  await using database = await makeDatabase();
  await using connection = await connect(database);
  await using other = await connect(database);
  const loading = new PostgresCheckpointer({ client: connection.client });
  const saving = new PostgresCheckpointer({ client: other.client, prepare: false });
  let last = await saveSome(saving, 1);
  for (let loads = 0; loads < 40; loads++) {
    // Each time after two that went well: what always forgets would be done without.
    if (loads % 3 === 2) await connection.client.query("DEALLOCATE ALL");
    last = await saveNext(saving, last, { state: { loads, text: "x".repeat(50 * loads) } });
    assertRecord(await loading.loadLatest("factory", "r1"), last);
    assertEquals(await loading.loadLatest("factory", "none"), undefined);
  }
  const { prepared, executed } = await statementsIn(database);
  assert(prepared > 10 && executed > 50, `prepared ${prepared} times, executed ${executed} times`);
});

for (const way of ["after more loads", "once the table is analyzed"]) {
  Deno.test(`a load that was planned for a table of a few rows is planned for a large one ${way}`, async () => {
    await using database = await makeDatabase();
    await using connection = await connect(database);
    const { client } = connection;
    const checkpointer = new PostgresCheckpointer({ client });
    const loadSome = async (count: number) => {
      for (let loads = 0; loads < count; loads++) await checkpointer.loadLatest("factory", "r1");
    };
    const plan = async () => {
      const { rows: [row] } = await client.query(
        "SELECT name, generic_plans::int AS plans FROM pg_prepared_statements ORDER BY name DESC LIMIT 1",
      );
      assert(row.plans > 0, `${row.name} has no plan of its own`);
      const { rows } = await client.query(`EXPLAIN EXECUTE "${row.name}" ('factory', 'r1')`);
      return rows.map((line: Record<string, string>) => line["QUERY PLAN"]).join("\n");
    };
    await checkpointer.save(record(0));
    await client.query("VACUUM ANALYZE firefly_checkpoints");
    await loadSome(100);
    assert((await plan()).includes("Seq Scan"));
    await client.query(`INSERT INTO firefly_checkpoints (pipeline_name, run_id, sequence, node_id,
      state, completed_nodes) SELECT 'factory', 'r' || run, 0, 'n', '{}', '[]'
      FROM generate_series(2, 5000) run`);
    if (way === "after more loads") await loadSome(50);
    else await client.query("ANALYZE firefly_checkpoints");
    const found = await plan();
    assert(found.includes("Index Scan") && !found.includes("Seq Scan"), found);
  });
}

Deno.test("a session that forgot the statement is told it again, and no save is lost or doubled", async () => {
  await using database = await makeDatabase();
  await using connection = await connect(database);
  const { client } = connection;
  const checkpointer = new PostgresCheckpointer({ client });
  let last = await saveSome(checkpointer, 20);
  for (let times = 0; times < 3; times++) {
    await client.query("DEALLOCATE ALL");
    for (let saves = 0; saves < 3; saves++) last = await saveNext(checkpointer, last);
  }
  const history = await Array.fromAsync(checkpointer.history("factory", "r1"));
  assertEquals(history.map(({ sequence }) => sequence).reverse(), [...Array(29).keys()]);
  const { prepared, executed } = await statementsIn(database);
  assertEquals([prepared, executed], [4, 12 + 9]);
});

Deno.test("sessions that always forget are soon asked plainly, for ever", async () => {
  await using database = await makeDatabase();
  await using connection = await connect(database);
  const { client } = connection;
  const query = async (text: string) => {
    const result = await client.query(text);
    await client.query("DISCARD ALL");
    return result;
  };
  const last = await saveSome(new PostgresCheckpointer({ client: { query } }), 100);
  assertEquals(last.sequence, 99);
  assertEquals((await statementsIn(database)).executed, 8);
});

Deno.test("a connection that is lost takes the statement along, and its run goes on", async () => {
  await using database = await makeDatabase();
  await using probe = await OWN_OR_NODE_POOL.open(database.dsn, { poolSize: 1 });
  let last = await saveSome(probe.checkpointer, 20);
  for (let times = 0; times < 3; times++) {
    await server.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database.name}'`,
    );
    for (let saves = 0; saves < 3; saves++) last = await saveNext(probe.checkpointer, last);
  }
  assertEquals((await Array.fromAsync(probe.checkpointer.history("factory", "r1"))).length, 29);
});

Deno.test("a prepared save is refused to who lost the run, whatever became of it", async () => {
  const losses: readonly ((rival: Checkpointer, last: CheckpointRecord) => Promise<unknown>)[] = [
    (rival, last) => saveNext(rival, last, { writer: "w2" }),
    (rival) => rival.deleteRun("factory", "r1"),
    async (rival) => {
      await rival.deleteRun("factory", "r1");
      await rival.save(record(0, { writer: "w2" }));
    },
    async (rival, { sequence }) => {
      await rival.deleteRun("factory", "r1");
      await rival.save(record(sequence, { writer: "w2" }));
    },
  ];
  for (const lose of losses) {
    await using database = await makeDatabase();
    await using probe = await OWN_OR_NODE_POOL.open(database.dsn, { poolSize: 1 });
    await using rival = await NODE_POOL.open(database.dsn);
    const last = await saveSome(probe.checkpointer, UNPREPARED + 5);
    await lose(rival.checkpointer, last);
    const before = await Array.fromAsync(rival.checkpointer.history("factory", "r1"));
    await assertRejects(() => saveNext(probe.checkpointer, last), CheckpointConflictError);
    assertEquals(await Array.fromAsync(rival.checkpointer.history("factory", "r1")), before);
  }
});

Deno.test("a save whose answer was lost is repeated by its writer through the statement, too", async () => {
  await using database = await makeDatabase();
  await using probe = await OWN_OR_NODE_POOL.open(database.dsn, { poolSize: 1 });
  const last = await saveSome(probe.checkpointer, UNPREPARED + 5);
  const next = await saveNext(probe.checkpointer, last);
  await probe.checkpointer.save(next, changeBetween(last, next));
  const history = await Array.fromAsync(probe.checkpointer.history("factory", "r1"));
  assertEquals(history.length, UNPREPARED + 6);
});

Deno.test("what was planned for a table of a few rows is not kept for a large one", async () => {
  await using database = await makeDatabase();
  await using connection = await connect(database);
  const { client } = connection;
  const checkpointer = new PostgresCheckpointer({ client });
  await checkpointer.save(record(0, { runId: "first" }));
  // So that the planner knows how few they are, and takes the shortest way: through all of them.
  await client.query("VACUUM ANALYZE firefly_checkpoints");
  await saveSome(checkpointer, 1_100);
  const { rows: [row] } = await client.query(
    "SELECT name, generic_plans::int AS plans FROM pg_prepared_statements ORDER BY name DESC LIMIT 1",
  );
  assert(row.plans > 0, `${row.name} has no plan of its own`);
  const args =
    "'factory', 'r1', 1100, 'n', '{}', '[]', false, NULL, NULL, 'w1', NULL, '{}', NULL, 1099, 'w1'";
  const { rows } = await client.query(`EXPLAIN EXECUTE "${row.name}" (${args})`);
  const plan = rows.map((line: Record<string, string>) => line["QUERY PLAN"]).join("\n");
  assert(plan.includes("Index Scan") && !plan.includes("Seq Scan"), plan);
});

Deno.test("runs go on behind PgBouncer, whose sessions each learn the statement when they are met", async () => {
  await using database = await makeDatabase();
  await using bouncer = await startPgBouncer(server.port, 3);
  await using probe = await OWN_OR_NODE_POOL.open(bouncer.dsn(database.name), { poolSize: 4 });
  const runIds = Array.from({ length: 12 }, (_, run) => `run ${run}`);
  await Promise.all(runIds.map((runId) => saveSome(probe.checkpointer, 60, runId)));
  for (const runId of runIds) {
    const history = await Array.fromAsync(probe.checkpointer.history("factory", runId));
    assertEquals(history.length, 60);
  }
  for (let times = 0; times < 5; times++) {
    const loads = runIds.map((runId) => probe.checkpointer.loadLatest("factory", runId));
    assertEquals(
      (await Promise.all(loads)).map((latest) => latest?.sequence),
      runIds.map(() => 59),
    );
  }
});
