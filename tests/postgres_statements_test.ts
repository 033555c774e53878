import { assert, assertEquals } from "@std/assert";
import type { PostgresCheckpointer } from "../backends/postgres.ts";
import { leadingSql, LOAD } from "../backends/postgres_load_sql.ts";
import { changeBetween } from "../pipeline/change.ts";
import { DRIVERS, NODE_POOL } from "./postgres_probes.ts";
import { record } from "./probe_record.ts";
import { connect, type Database, type Row } from "./servers/database.ts";
import { startPostgres } from "./servers/postgres.ts";

const server = await startPostgres();

const TABLE = "firefly_checkpoints";

/** What the server counted and logged while a checkpointer was used. */
interface Bill {
  readonly commits: number;
  readonly statements: readonly string[];
}

/** A query that says what it is; the server logs it as it came. */
const STATEMENT = /^LOG:\s+(?:statement|execute [^:]*): /;

async function commitsIn({ name }: Database): Promise<number> {
  // A session's numbers are in the sum when it has ended.
  for (;;) {
    const [row] = await server.query(
      `SELECT xact_commit::int AS commits, (SELECT count(*)::int FROM pg_stat_activity
        WHERE datname = '${name}') AS sessions FROM pg_stat_database WHERE datname = '${name}'`,
    );
    if (row?.sessions === 0) return Number(row.commits);
  }
}

/** Uses a checkpointer that has its table, and comes back with what that cost. */
async function billOf(
  { open }: typeof DRIVERS[number],
  use: (checkpointer: PostgresCheckpointer) => Promise<void>,
): Promise<Bill> {
  await using database = await server.createDatabase();
  await server.query(`ALTER DATABASE ${database.name} SET log_statement = 'all'`);
  const visit = async (work: (checkpointer: PostgresCheckpointer) => Promise<void>) => {
    const logged = (await server.log(database.name)).length;
    const before = await commitsIn(database);
    {
      await using probe = await open(database.dsn, { poolSize: 1 });
      await work(probe.checkpointer);
    }
    const commits = await commitsIn(database) - before;
    const entries = (await server.log(database.name)).slice(logged);
    return { commits, statements: entries.filter((entry) => STATEMENT.test(entry)) };
  };
  const firstUse = (checkpointer: PostgresCheckpointer) => checkpointer.deleteRun("other", "run");
  await visit((checkpointer) => checkpointer.save(record(0)));
  // What connecting costs, and looking for the table, is the same in both.
  const base = await visit(firstUse);
  const all = await visit(async (checkpointer) => {
    await firstUse(checkpointer);
    await use(checkpointer);
  });
  return {
    commits: all.commits - base.commits,
    statements: all.statements.slice(base.statements.length),
  };
}

for (const driver of DRIVERS) {
  const options = { ignore: driver.ignore !== undefined };

  Deno.test(`a save through ${driver.name} is one statement and one commit`, options, async () => {
    const { commits, statements } = await billOf(driver, async (checkpointer) => {
      for (let sequence = 1; sequence <= 20; sequence++) await checkpointer.save(record(sequence));
    });
    assertEquals([commits, statements.length], [20, 20], statements.join("\n"));
    assert(statements.every((statement) => statement.includes("INSERT")), statements[0]);
  });

  Deno.test(`a load through ${driver.name} is one statement, planned once`, options, async () => {
    const { statements } = await billOf(driver, async (checkpointer) => {
      for (let times = 1; times <= 20; times++) {
        assertEquals((await checkpointer.loadLatest("factory", "r1"))?.sequence, 0);
      }
    });
    const planned = statements.filter((statement) => statement.includes("PREPARE"));
    assertEquals([statements.length, planned.length], [21, 1], statements.join("\n"));
  });

  Deno.test(`${driver.name} makes the table once for each instance`, options, async () => {
    await using database = await server.createDatabase();
    await server.query(`ALTER DATABASE ${database.name} SET log_statement = 'all'`);
    const ddl = async () =>
      (await server.log(database.name)).filter((entry) => /\b(CREATE|ALTER) TABLE\b/.test(entry));
    {
      await using probe = await driver.open(database.dsn);
      await Promise.all(
        [0, 1, 2, 3].map((run) => probe.checkpointer.save(record(0, { runId: `r${run}` }))),
      );
    }
    const made = (await ddl()).length;
    assertEquals(made, 1);
    {
      await using probe = await driver.open(database.dsn);
      await probe.checkpointer.save(record(1, { runId: "r0" }));
    }
    assertEquals((await ddl()).length, made, "a table that is there is not made again");
  });
}

const ways = DRIVERS.filter(({ ignore }) => ignore === undefined);
const [driver] = ways;

Deno.test("loading and listing step through the primary key, whatever else is stored", async () => {
  assert(driver !== undefined);
  await using database = await server.createDatabase();
  await server.query(`ALTER DATABASE ${database.name} SET log_statement = 'all'`);
  await using probe = await driver.open(database.dsn);
  const { checkpointer } = probe;
  await checkpointer.save(record(0));
  await fill(database);
  const logged = (await server.log(database.name)).length;
  assertEquals((await checkpointer.loadLatest("bulk", "run 7"))?.sequence, 99);
  assertEquals((await Array.fromAsync(checkpointer.listRuns("bulk"))).length, 1_000);
  assertEquals((await Array.fromAsync(checkpointer.listRuns("bulk", { limit: 5 }))).length, 5);
  const queries = (await server.log(database.name)).slice(logged)
    .filter((entry) => STATEMENT.test(entry)).map((entry) => entry.replace(STATEMENT, ""));
  const [load, ...lists] = queries.filter((query) => query.includes("firefly_checkpoints"))
    .filter((query) => /FROM\s+"?firefly_checkpoints/.test(query));
  assert(load !== undefined && lists.length === 2, queries.join("\n"));
  const loading = await explain(database, load);
  assertIndexed(loading);
  assertEquals(loading.rows, 1);
  for (const list of lists) {
    const listing = await explain(database, list);
    assertIndexed(listing);
    // One visit of the index for each run, and none of its 99 older checkpoints.
    assert(listing.rows <= 1_001, `listing 1,000 runs read ${listing.rows} rows`);
  }
});

Deno.test("loading a long run looks up the few changes that lead to its end, in two statements or in one", async () => {
  await using database = await server.createDatabase();
  await using probe = await NODE_POOL.open(database.dsn, { poolSize: 1 });
  let last = record(0, { state: { pad: "x".repeat(2_000), count: 0 } });
  await probe.checkpointer.save(last);
  for (let count = 1; count <= 407; count++) {
    const next = record(count, { state: { ...last.state, count } });
    await probe.checkpointer.save(next, changeBetween(last, next));
    last = next;
  }
  await fill(database);
  await using connection = await connect(database);
  const query = async (sql: string) => (await connection.client.query(sql)).rows;
  const key = { pipeline: last.pipelineName, run: last.runId };
  await query("SET plan_cache_mode = force_generic_plan");
  await query(LOAD.prepareSql("load", TABLE));
  const leading = { base: 0, sequence: last.sequence, writer: last.writer, needsAll: false };
  const ways = [
    [LOAD.plainSql(TABLE, key), leadingSql(TABLE, key, leading)],
    [LOAD.executeSql("load", key) ?? ""],
  ];
  for (const statements of ways) {
    let rows = 0;
    for (const statement of statements) {
      const plan = await explain({ query }, statement);
      assertIndexed(plan);
      rows += plan.rows;
    }
    // The latest, the whole one, and of 406 changes between them each sixteenth and the last six.
    assertEquals(rows, 2 + Math.floor(406 / 16) + 6, statements.join("\n"));
  }
});

for (const checkpoints of [2, 1_000, 100_000]) {
  Deno.test(`a load of a run of ${checkpoints} checkpoints is soon planned no more`, async () => {
    await using database = await server.createDatabase();
    await using probe = await NODE_POOL.open(database.dsn, { poolSize: 1 });
    await probe.checkpointer.save(record(0));
    await fill(database);
    await database.query(`INSERT INTO ${TABLE} (pipeline_name, run_id, sequence, node_id, state,
      completed_nodes) SELECT 'factory', 'r1', step, 'n', '{}', '[]'
      FROM generate_series(1, ${checkpoints - 1}) step; ANALYZE ${TABLE}`);
    await using connection = await connect(database);
    const query = async (sql: string) => (await connection.client.query(sql)).rows;
    await query(LOAD.prepareSql("load", TABLE));
    for (let loads = 0; loads < 20; loads++) {
      await query(LOAD.executeSql("load", { pipeline: "factory", run: "r1" }) ?? "");
    }
    const [row] = await query("SELECT generic_plans::int AS plans FROM pg_prepared_statements");
    // Postgres plans five times before it compares.
    assertEquals(row?.plans, 15);
  });
}

/** 1,000 runs of 100 checkpoints, copied from the one that is there. */
async function fill(database: Database): Promise<void> {
  const columns = await database.query(
    `SELECT column_name AS name FROM information_schema.columns
     WHERE table_name = 'firefly_checkpoints'
       AND column_name NOT IN ('pipeline_name', 'run_id', 'sequence')`,
  );
  const others = columns.map(({ name }) => `"${name}"`).join(", ");
  await database.query(`
    INSERT INTO firefly_checkpoints (pipeline_name, run_id, sequence, ${others})
    SELECT 'bulk', 'run ' || run, step, ${others} FROM firefly_checkpoints,
      generate_series(1, 1000) run, generate_series(0, 99) step WHERE sequence = 0;
    ANALYZE firefly_checkpoints`);
}

/** The nodes of a plan that touch the table, and how many rows they read. */
interface Plan {
  readonly scans: readonly string[];
  readonly rows: number;
}

async function explain({ query }: Pick<Database, "query">, asked: string): Promise<Plan> {
  const lines = (await query(`EXPLAIN (ANALYZE, TIMING OFF) ${asked}`))
    .map((row: Row) => String(row["QUERY PLAN"]));
  const scans = lines.filter((line) => ON_TABLE.test(line));
  let [rows, loops] = [0, 0];
  for (const line of lines) {
    const ran = /actual rows=([\d.]+) loops=(\d+)/.exec(line);
    if (ran !== null) loops = ON_TABLE.test(line) ? Number(ran[2]) : 0;
    const [, read = "0"] = ran ?? /Rows Removed by Filter: (\d+)/.exec(line) ?? [];
    rows += Number(read) * loops;
  }
  return { scans, rows };
}

const ON_TABLE = /\bon firefly_checkpoints\b/;

function assertIndexed({ scans }: Plan): void {
  assert(scans.length > 0, "the plan does not touch the table");
  for (const scan of scans) {
    assert(/Index (Only )?Scan/.test(scan), `no index is used: ${scan}`);
    assert(scan.includes("_pkey"), `another index than the primary key is used: ${scan}`);
  }
}
