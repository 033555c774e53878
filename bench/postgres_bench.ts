// @ts-types="npm:@types/pg@8.23.1"
import pg from "npm:pg@8.23.1";
import postgres from "npm:postgres@3.4.9";
import { PostgresCheckpointer, type PostgresClient, postgresSchema } from "../backends/postgres.ts";
import { runnerFor } from "../backends/postgres_client.ts";
import { changeBetween } from "../pipeline/change.ts";
import { findPostgres } from "../tests/servers/postgres.ts";
import { whyNoPostgresDriver } from "../tests/servers/registry.ts";
import { bareInsert } from "./bare_insert.ts";
import { record } from "./bench_record.ts";
import { benchRatio, benchTime } from "./measure.ts";

const SAVES = 50;
const LOADS = 50;

const server = await findPostgres();
const { dsn, query } = await server.createDatabase();

interface Driver {
  readonly name: string;
  connect(): Promise<PostgresClient>;
}

const DRIVERS: readonly Driver[] = [
  {
    name: "node-postgres",
    // deno-lint-ignore require-await -- a pool connects when it is used
    connect: async () => new pg.Pool({ connectionString: dsn, max: 1 }),
  },
  {
    name: "postgres.js",
    // deno-lint-ignore require-await -- it connects when it is used
    connect: async () => postgres(dsn, { max: 1, onnotice: () => {} }),
  },
  {
    name: "@db/postgres",
    async connect() {
      const { Client } = await import("@db/postgres");
      const client = new Client(dsn);
      await client.connect();
      return client;
    },
  },
];

const noDenoDriver = await whyNoPostgresDriver();
const drivers = DRIVERS.filter(({ name }) => name !== "@db/postgres" || noDenoDriver === undefined);

await query(postgresSchema("bare"));

const loader = new pg.Pool({ connectionString: dsn, max: 1 });
const loading = new PostgresCheckpointer({ client: loader });
await loading.save(record("long", 0));
await query(`INSERT INTO firefly_checkpoints
  SELECT pipeline_name, 'long', n, node_id, state, completed_nodes, created_at, paused, pause_reason,
    status, writer, saved_at, details FROM firefly_checkpoints, generate_series(1, 999) n WHERE run_id = 'long'`);
await query(`INSERT INTO firefly_checkpoints
  SELECT pipeline_name, 'other ' || n, sequence, node_id, state, completed_nodes, created_at, paused,
    pause_reason, status, writer, saved_at, details
  FROM firefly_checkpoints, generate_series(1, 1000) n WHERE run_id = 'long' AND sequence < 10`);
await query("INSERT INTO bare SELECT * FROM firefly_checkpoints");
// As autovacuum leaves a table that has been in use.
await query("VACUUM ANALYZE firefly_checkpoints");
await query("VACUUM ANALYZE bare");

for (const { name, connect } of drivers) {
  // Each on a connection of its own, as they are used: taking turns on one costs both.
  const run = runnerFor(await connect());
  const checkpointer = new PostgresCheckpointer({ client: await connect() });
  let last = record(name, 0);
  await checkpointer.save(last);
  const saves = async () => {
    for (let save = 0; save < SAVES; save++) {
      const next = record(name, last.sequence + 1);
      await checkpointer.save(next, changeBetween(last, next));
      last = next;
    }
  };
  let inserts = 0;
  benchRatio({
    name: `a save through ${name}`,
    unit: "save",
    units: SAVES,
    rounds: 60,
    mostTimes: 1.25,
    async floor() {
      for (let save = 0; save < SAVES; save++) await bareInsert(run, record(name, inserts++));
    },
    work: saves,
  });
  if (name !== "@db/postgres") continue;
  benchTime({
    name: `a save through ${name}, in all`,
    unit: "save",
    units: SAVES,
    mostMicroseconds: 1_000,
    work: saves,
  });
}

benchRatio({
  name: "a load of the latest of 1,000 checkpoints among 1,000 other runs",
  awake: true,
  unit: "load",
  units: LOADS,
  mostTimes: 1.5,
  async floor() {
    for (let load = 0; load < LOADS; load++) {
      await loader.query(
        "SELECT * FROM firefly_checkpoints WHERE pipeline_name = 'bench' AND run_id = 'long' " +
          "AND sequence = 999",
      );
    }
  },
  async work() {
    for (let load = 0; load < LOADS; load++) await loading.loadLatest("bench", "long");
  },
});
