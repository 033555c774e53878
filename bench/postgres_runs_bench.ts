import pg from "npm:pg@8.23.1";
import { PostgresCheckpointer, postgresSchema } from "../backends/postgres.ts";
import { runnerFor } from "../backends/postgres_client.ts";
import { append, definePipeline, END, send, unchecked } from "../mod.ts";
import { findPostgres } from "../tests/servers/postgres.ts";
import { bareInsert } from "./bare_insert.ts";
import { record } from "./bench_record.ts";
import { cycle } from "./cycle.ts";
import { benchRate, benchRatio, benchTime, OPTIMIZED_AFTER } from "./measure.ts";

const STEPS = 100;

const server = await findPostgres();
const { dsn, query } = await server.createDatabase();

function connect(max: number) {
  return new pg.Pool({ connectionString: dsn, max });
}

await query(postgresSchema("bare"));
const runBare = runnerFor(connect(1));

function connected(max: number): PostgresCheckpointer {
  return new PostgresCheckpointer({ client: connect(max) });
}

const single = cycle(connected(1), STEPS);
benchRatio({
  name: "a step of a run on Postgres",
  unit: "step",
  units: STEPS + 1,
  warmUpUnits: OPTIMIZED_AFTER,
  mostTimes: 1.2,
  async floor() {
    const runId = crypto.randomUUID();
    for (let step = 0; step <= STEPS; step++) await bareInsert(runBare, record(runId, step));
  },
  async work() {
    await single.invoke({ count: 0, text: "x".repeat(300) });
  },
});

const crowd = cycle(connected(10), 20);
for (const [runs, least] of [[50, 6_000], [200, 10_000]] as const) {
  benchRate({
    name: `${runs} runs of 20 steps at once on Postgres`,
    unit: "step",
    units: runs * 21,
    least,
    async work() {
      await Promise.all(
        Array.from({ length: runs }, () => crowd.invoke({ count: 0, text: "x".repeat(300) })),
      );
    },
  });
}

const fanOut = definePipeline({
  name: "fan-out",
  state: unchecked<{ item: number; results: number[] }>(),
  reducers: { results: append },
  nodes: {
    split: () => {},
    work: async (state) => {
      await Promise.resolve();
      return { results: state.item * 2 };
    },
    join: () => {},
  },
  start: "split",
  edges: {
    split: {
      route: () => Array.from({ length: 1_000 }, (_, item) => send("work", { item })),
      to: ["work"],
    },
    work: "join",
    join: END,
  },
}, { checkpointer: new PostgresCheckpointer({ client: connect(3) }) });
benchTime({
  name: "a fan-out of 1,000 on Postgres",
  unit: "worker",
  units: 1_000,
  mostMicroseconds: 60,
  async work() {
    await fanOut.invoke({ item: 0, results: [] });
  },
});

const log = definePipeline({
  name: "log",
  state: unchecked<{ log: string[] }>(),
  reducers: { log: append },
  nodes: { add: (state) => ({ log: `${state.log.length}`.padEnd(50, "x") }) },
  start: "add",
  edges: { add: (state) => state.log.length < 1_000 ? "add" : END },
}, { checkpointer: new PostgresCheckpointer({ client: connect(1) }), recursionLimit: Infinity });
await log.invoke({ log: [] }, { runId: "long" });
await query(`INSERT INTO firefly_checkpoints (pipeline_name, run_id, sequence, node_id, state,
    completed_nodes, status, writer, details)
  SELECT 'log', 'other ' || run, step, node_id, state, completed_nodes, status, writer, details
  FROM firefly_checkpoints, generate_series(1, 1000) run, generate_series(0, 9) step
  WHERE pipeline_name = 'log' AND run_id = 'long' AND sequence = 5`);
await query("VACUUM ANALYZE firefly_checkpoints");
const loading = new PostgresCheckpointer({ client: connect(1) });
benchTime({
  name: "a load of the latest of 1,000 checkpoints of a growing run, on Postgres",
  unit: "load",
  units: 20,
  mostMicroseconds: 1_000,
  async work() {
    for (let load = 0; load < 20; load++) await loading.loadLatest("log", "long");
  },
});
benchTime({
  name: "listing 1,000 runs on Postgres",
  unit: "list",
  units: 1,
  mostMicroseconds: 20_000,
  async work() {
    await Array.fromAsync(loading.listRuns("log"));
  },
});

let checkpoints = 0;
const tenths: number[][] = [];
/** A run of 5,000 steps: how long each tenth of it took. */
async function longRun(): Promise<void> {
  const times: number[] = [];
  let started = performance.now();
  const pipeline = definePipeline({
    name: "long",
    state: unchecked<{ log: string[] }>(),
    reducers: { log: append },
    nodes: {
      add: (state) => {
        if (state.log.length > 0 && state.log.length % 500 === 0) {
          times.push(performance.now() - started);
          started = performance.now();
        }
        return { log: `${checkpoints++}`.padEnd(50, "x") };
      },
    },
    start: "add",
    edges: { add: (state) => state.log.length <= 5_000 ? "add" : END },
  }, { checkpointer: new PostgresCheckpointer({ client: connect(1) }), recursionLimit: Infinity });
  await pipeline.invoke({ log: [] });
  tenths.push(times);
}

Deno.bench("the last tenth of 5,000 steps on Postgres", { n: 1, warmup: 0 }, async () => {
  for (let round = 0; round < 3; round++) await longRun();
  const median = (values: number[]) => values.sort((one, other) => one - other)[1] ?? NaN;
  const [first, last] = [0, 9].map((tenth) => median(tenths.map((times) => times[tenth] ?? NaN)));
  const ratio = (last ?? NaN) / (first ?? NaN);
  const said = `${ratio.toFixed(2)} x the first tenth, at most 1.2 x`;
  console.log(`${ratio <= 1.2 ? "ok  " : "OVER"}  ${said}`);
  if (!(ratio <= 1.2)) throw new Error(`Over its limit: ${said}`);
});
