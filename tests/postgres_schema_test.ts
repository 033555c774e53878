import { assert, assertEquals, assertRejects } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { PostgresError, postgresSchema } from "../backends/postgres.ts";
import {
  append,
  CheckpointConflictError,
  type Checkpointer,
  definePipeline,
  END,
  RunNotFoundError,
  unchecked,
} from "../mod.ts";
import { configArgs } from "../tools/deno_args.ts";
import { OWN_OR_NODE_POOL } from "./postgres_probes.ts";
import { record } from "./probe_record.ts";
import type { Database } from "./servers/database.ts";
import { GUARDED, startPostgres } from "./servers/postgres.ts";
import { assertStored } from "./suite/checks.ts";

const server = await startPostgres();
const { open } = OWN_OR_NODE_POOL;

/** What the Python framework makes. */
const PYTHON_TABLE = `
  CREATE TABLE IF NOT EXISTS firefly_checkpoints (
    pipeline_name TEXT NOT NULL,
    run_id TEXT NOT NULL,
    sequence INT NOT NULL,
    node_id TEXT NOT NULL,
    state JSONB NOT NULL,
    completed_nodes JSONB NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (pipeline_name, run_id, sequence)
  );
  CREATE INDEX IF NOT EXISTS firefly_checkpoints_run_idx
    ON firefly_checkpoints (pipeline_name, run_id, sequence DESC);`;

Deno.test("20 processes that start at once on an empty database all succeed", async () => {
  await using database = await server.createDatabase();
  const script = fromFileUrl(new URL("./servers/postgres_process.ts", import.meta.url));
  const runIds = Array.from({ length: 20 }, (_, index) => `run ${index}`);
  const processes = runIds.map((runId) =>
    new Deno.Command(Deno.execPath(), {
      args: ["run", ...configArgs(), "--no-check", "-A", script, database.dsn, runId],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn()
  );
  const readers = processes.map(({ stdout }) => stdout.getReader());
  const ready = await Promise.all(readers.map((reader) => reader.read()));
  const begun = ready.map(({ value }) => new TextDecoder().decode(value).trim());
  await Promise.all(processes.map(async ({ stdin }) => {
    const writer = stdin.getWriter();
    await writer.write(new TextEncoder().encode("go"));
    await writer.close();
  }));
  const ended = await Promise.all(processes.map(async ({ stderr, status }, index) => {
    const [complaint, { code }] = await Promise.all([new Response(stderr).text(), status]);
    await readers[index]?.cancel();
    return code === 0 ? "" : complaint;
  }));
  assertEquals(begun, begun.map(() => "ready"), ended.join("\n"));
  assertEquals(ended, ended.map(() => ""));
  await using probe = await open(database.dsn);
  for (const runId of runIds) {
    assertEquals((await probe.checkpointer.loadLatest("factory", runId))?.sequence, 1);
  }
});

Deno.test("20 instances that start at once on an empty database all succeed", async () => {
  await using database = await server.createDatabase();
  const probes = await Promise.all(Array.from({ length: 20 }, () => open(database.dsn)));
  try {
    await Promise.all(
      probes.map(({ checkpointer }, index) => checkpointer.save(record(0, { runId: `r${index}` }))),
    );
  } finally {
    await Promise.all(probes.map((probe) => probe[Symbol.asyncDispose]()));
  }
  assertEquals(await count(database), 20);
});

interface Release {
  readonly url: string | null;
  readonly log: readonly string[];
}

function release(checkpointer: Checkpointer) {
  return definePipeline({
    name: "release",
    state: unchecked<Release>(),
    reducers: { log: append },
    nodes: {
      build: () => ({ log: "built" }),
      test: () => ({ log: "tested" }),
      deploy: () => ({ url: "https://example.com/user", log: "deployed" }),
    },
    start: "build",
    edges: { build: "test", test: "deploy", deploy: END },
  }, { checkpointer });
}

async function asPython(database: Database): Promise<void> {
  await database.query(PYTHON_TABLE);
  const save = (runId: string, sequence: number, node: string, log: string[], nodes: string[]) =>
    database.query(
      `INSERT INTO firefly_checkpoints
         (pipeline_name, run_id, sequence, node_id, state, completed_nodes)
       VALUES ('release', '${runId}', ${sequence}, '${node}',
         '${JSON.stringify({ url: null, log })}', '${JSON.stringify(nodes)}')`,
    );
  await save("half", 1, "build", ["built"], ["build"]);
  await save("half", 2, "test", ["built", "tested"], ["build", "test"]);
  await save("ended", 1, "deploy", ["deployed"], ["build", "test", "deploy"]);
}

Deno.test("a table that the Python framework made is taken over, and its runs go on", async () => {
  await using database = await server.createDatabase();
  await asPython(database);
  await using probe = await open(database.dsn);
  const pipeline = release(probe.checkpointer);
  const before = await Array.fromAsync(pipeline.listRuns());
  assertEquals(before.map(({ runId, status }) => [runId, status]).toSorted(), [
    ["ended", "running"],
    ["half", "running"],
  ]);
  assert(before.every(({ savedAt }) => new Date(savedAt).toISOString() === savedAt));
  const result = await pipeline.resume("half");
  assertEquals(result.status, "completed");
  assertEquals(result.completedNodes, ["build", "test", "deploy"]);
  assertEquals(result.state, {
    url: "https://example.com/user",
    log: ["built", "tested", "deployed"],
  });
  const history = await Array.fromAsync(pipeline.history("half"));
  assertEquals(history.map(({ sequence, nodeId }) => [sequence, nodeId]), [
    [5, "deploy"],
    [4, "test"],
    [3, "__resume__"],
    [2, "test"],
    [1, "build"],
  ]);
  assertEquals((await pipeline.resume("ended")).status, "completed");
  assertEquals(
    (await pipeline.invoke({ url: null, log: [] }, { runId: "ours" })).status,
    "completed",
  );
});

Deno.test("the Python framework can go on using a table that we made, or took over", async () => {
  await using database = await server.createDatabase();
  await using probe = await open(database.dsn);
  await probe.checkpointer.save(record(0));
  await asPython(database);
  const rows = await database.query(
    `SELECT node_id, state, completed_nodes FROM firefly_checkpoints
     WHERE pipeline_name = 'factory' ORDER BY sequence DESC LIMIT 1`,
  );
  assertEquals(rows, [{ node_id: "deployer", state: { step: 0 }, completed_nodes: [] }]);
  assertEquals((await release(probe.checkpointer).resume("half")).status, "completed");
});

/** A database in which a role may use tables, but make none. */
async function withGuarded(
  tables: string,
  test: (dsn: string, database: Database) => Promise<void>,
): Promise<void> {
  await using database = await server.createDatabase();
  await database.query(
    `${tables};
     ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${GUARDED.user};
     GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${GUARDED.user};
     REVOKE CREATE ON SCHEMA public FROM PUBLIC`,
  );
  const dsn = new URL(database.dsn);
  dsn.username = GUARDED.user;
  dsn.password = encodeURIComponent(GUARDED.password);
  await test(dsn.href, database);
}

Deno.test("a role that may make no tables uses one that is there, without any DDL", async () => {
  await withGuarded(postgresSchema(), async (dsn, { name }) => {
    await server.query(`ALTER DATABASE ${name} SET log_statement = 'all'`);
    const logged = (await server.log(name)).length;
    await using probe = await open(dsn);
    await probe.checkpointer.save(record(0));
    await assertStored(probe.checkpointer, [record(0)]);
    const entries = (await server.log(name)).slice(logged);
    assert(entries.some((entry) => entry.includes("INSERT")), "nothing was logged");
    assertEquals(entries.filter((entry) => /\b(CREATE|ALTER|DROP)\b/.test(entry)), []);
  });
});

for (
  const [what, tables] of [["a missing table", "SELECT 1"], [
    "a table without our columns",
    PYTHON_TABLE,
  ]] as const
) {
  Deno.test(`a role that may make no tables is told the DDL for ${what}`, async () => {
    await withGuarded(tables, async (dsn, database) => {
      await using probe = await open(dsn);
      const { checkpointer } = probe;
      const error = await assertRejects(() => checkpointer.save(record(0)), PostgresError);
      assert(error instanceof PostgresError);
      assertEquals(error.code, "42501");
      assert(error.message.includes(postgresSchema()), error.message);
      // What was told helps, and the same instance goes on.
      await database.query(postgresSchema());
      await checkpointer.save(record(0));
      await assertStored(checkpointer, [record(0)]);
    });
  });
}

Deno.test("the exported DDL makes the table that is used, and may be run again", async () => {
  await using database = await server.createDatabase();
  const shape = () =>
    database.query(
      `SELECT table_name, column_name, data_type, is_nullable, column_default
       FROM information_schema.columns WHERE table_schema = 'public'
       ORDER BY table_name, column_name`,
    );
  await database.query(postgresSchema());
  const made = await shape();
  await database.query(postgresSchema());
  await using probe = await open(database.dsn);
  await probe.checkpointer.save(record(0));
  assertEquals(await shape(), made);
  await database.query("DROP TABLE firefly_checkpoints");
  await using other = await open(database.dsn);
  await other.checkpointer.save(record(0));
  assertEquals(await shape(), made);
});

Deno.test("tables of other names are stores of their own", async () => {
  await using database = await server.createDatabase();
  const names = ["Runs", "runs", "RUNS_2", "2nd", "select", "_"];
  for (const tableName of names) {
    await using probe = await open(database.dsn, { tableName });
    await assertRejects(() => release(probe.checkpointer).resume("r"), RunNotFoundError);
    const saved = record(0, { pipelineName: "release", runId: "r", state: { tableName } });
    await probe.checkpointer.save(saved);
    await assertStored(probe.checkpointer, [saved]);
  }
  const tables = await database.query(
    "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
  );
  assertEquals(tables.map(({ tablename }) => String(tablename)).toSorted(), names.toSorted());
});

Deno.test("a column of another type is told, and the table stays as it was", async () => {
  for (const [column, type] of [["state", "TEXT"], ["sequence", "TEXT"], ["run_id", "UUID"]]) {
    await using database = await server.createDatabase();
    await database.query(
      PYTHON_TABLE.replace(
        new RegExp(`\\b${column} \\w+ NOT NULL,`),
        `${column} ${type} NOT NULL,`,
      ),
    );
    await using probe = await open(database.dsn);
    const error = await assertRejects(() => probe.checkpointer.save(record(0)), Error);
    for (const word of ["firefly_checkpoints", column, type?.toLowerCase()]) {
      assert(error.message.includes(String(word)), `${word} is not in: ${error.message}`);
    }
    assertEquals(await count(database), 0);
  }
});

Deno.test("a table whose key does not keep sequences apart is refused before anything is saved", async () => {
  const keys = ["", "PRIMARY KEY (pipeline_name, run_id, sequence, node_id)"];
  for (const key of keys) {
    await using database = await server.createDatabase();
    await database.query(
      `${postgresSchema()}; ALTER TABLE firefly_checkpoints DROP CONSTRAINT firefly_checkpoints_pkey` +
        `${
          key && `, ADD ${key}`
        }; CREATE INDEX ON firefly_checkpoints (pipeline_name, run_id, sequence);` +
        "CREATE UNIQUE INDEX ON firefly_checkpoints (pipeline_name, run_id, sequence) WHERE paused",
    );
    await using probe = await open(database.dsn);
    const error = await assertRejects(() => probe.checkpointer.save(record(0)), TypeError);
    assert(error.message.includes("pipeline_name, run_id, sequence"), error.message);
    assertEquals(await count(database), 0);
  }
});

Deno.test("another unique index on the three columns does as well as the primary key", async () => {
  await using database = await server.createDatabase();
  await database.query(
    `${postgresSchema()}; ALTER TABLE firefly_checkpoints DROP CONSTRAINT firefly_checkpoints_pkey; ` +
      "CREATE UNIQUE INDEX ON firefly_checkpoints (run_id, sequence, pipeline_name)",
  );
  await using probe = await open(database.dsn);
  await probe.checkpointer.save(record(0));
  await assertRejects(
    () => probe.checkpointer.save(record(0, { writer: "another" })),
    CheckpointConflictError,
  );
});

async function count(database: Database): Promise<number> {
  const [row] = await database.query("SELECT count(*)::int AS rows FROM firefly_checkpoints");
  return Number(row?.rows);
}
