import { Redis } from "npm:ioredis@6.0.0";
import { RedisCheckpointer } from "../backends/redis.ts";
import { append, definePipeline, END, unchecked } from "../mod.ts";
import { recordToText } from "../pipeline/record.ts";
import { startRedis } from "../tests/servers/redis.ts";
import { keepApart } from "./apart.ts";
import { record } from "./bench_record.ts";
import { cycle, cycleRecord } from "./cycle.ts";
import { benchRate, benchRatio, benchTime, OPTIMIZED_AFTER } from "./measure.ts";

const STEPS = 100;
const TTL_SECONDS = 30 * 86_400;
const TEXT = "x".repeat(300);

const server = await startRedis();
await keepApart(await server.pid());
const client = new Redis(server.url());
const checkpointer = new RedisCheckpointer({ client });

/** The least that can be stored of a step: its checkpoint, time to live, and its run's place. */
async function bareSave(runId: string, step: number): Promise<void> {
  const text = recordToText(cycleRecord(runId, step, TEXT));
  await client.multi().set(`bare:${runId}:${step}`, text, "EX", TTL_SECONDS)
    .zadd("bare:runs", Date.now() / 1_000, runId).exec();
}

/** Runs that each is among: how long it takes to find a place depends on how many there are. */
const OTHERS = 1_000;
for (const runs of ["bare:runs", "firefly:ckpt:cycle:runs"]) {
  const others = Array.from({ length: OTHERS }, (_, other) => [other, crypto.randomUUID()]);
  await client.zadd(runs, ...others.flat());
}
const single = cycle(checkpointer, STEPS);
benchRatio({
  name: "a step of a run on Redis",
  awake: true,
  unit: "step",
  units: STEPS + 1,
  warmUpUnits: OPTIMIZED_AFTER,
  mostTimes: 1.2,
  // One in three meets a collection of what the floor's transactions left behind.
  rounds: 100,
  async floor() {
    const runId = crypto.randomUUID();
    for (let step = 0; step <= STEPS; step++) await bareSave(runId, step);
  },
  async work() {
    await single.invoke({ count: 0, text: TEXT });
  },
});

const crowd = cycle(checkpointer, 20);
for (const runs of [50, 200]) {
  benchRate({
    name: `${runs} runs of 20 steps at once on Redis`,
    unit: "step",
    units: runs * 21,
    least: 15_000,
    async work() {
      await Promise.all(
        Array.from({ length: runs }, () => crowd.invoke({ count: 0, text: TEXT })),
      );
    },
  });
}

/** A cycle that appends 50 characters to a list, and is told when it comes to the next tenth. */
function growing(steps: number, onTenth: () => void = () => {}) {
  return definePipeline({
    name: "growing",
    state: unchecked<{ log: string[] }>(),
    reducers: { log: append },
    nodes: {
      add: ({ log }) => {
        if (log.length > 0 && log.length % (steps / 10) === 0) onTenth();
        return { log: `${log.length}`.padEnd(50, "x") };
      },
    },
    start: "add",
    edges: { add: ({ log }) => log.length <= steps ? "add" : END },
  }, { checkpointer, recursionLimit: Infinity });
}

await growing(1_000).invoke({ log: [] }, { runId: "long" });
for (let run = 1; run < 1_000; run++) {
  await checkpointer.save({ ...record(`run ${run}`, 0), pipelineName: "growing" });
}
benchTime({
  name: "a load of the latest of 1,000 checkpoints of a growing run, on Redis",
  unit: "load",
  units: 20,
  mostMicroseconds: 500,
  async work() {
    for (let load = 0; load < 20; load++) await checkpointer.loadLatest("growing", "long");
  },
});
benchTime({
  name: "listing 1,000 runs on Redis",
  unit: "list",
  units: 1,
  mostMicroseconds: 20_000,
  async work() {
    const { length } = await Array.fromAsync(checkpointer.listRuns("growing"));
    if (length !== 1_000) throw new Error(`Expected 1,000 runs, not ${length}`);
  },
});

/** Runs 5,000 steps: the milliseconds that the first and the last tenth took. */
async function longRun(): Promise<{ readonly first: number; readonly last: number }> {
  const times = [performance.now()];
  await growing(5_000, () => times.push(performance.now())).invoke({ log: [] });
  const [start = NaN, first = NaN] = times;
  const [before = NaN, last = NaN] = times.slice(-2);
  return { first: first - start, last: last - before };
}

benchRatio({
  name: "the last tenth of 5,000 steps on Redis, against the first",
  awake: true,
  unit: "step",
  units: 500,
  mostTimes: 1.2,
  rounds: 5,
  floor: async () => (await longRun()).first,
  work: async () => (await longRun()).last,
});
