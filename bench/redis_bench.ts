import { Redis } from "npm:ioredis@6.0.0";
import { createClient } from "npm:redis@6.3.1";
import { RedisCheckpointer, type RedisClient } from "../backends/redis.ts";
import { recordToText } from "../pipeline/record.ts";
import { whyNoRedisDriver } from "../tests/servers/registry.ts";
import { startRedis } from "../tests/servers/redis.ts";
import { keepApart } from "./apart.ts";
import { record } from "./bench_record.ts";
import { benchRatio, benchTime } from "./measure.ts";

const SAVES = 100;
const LOADS = 100;
const RUNS = 1_000;
const TTL_SECONDS = 30 * 86_400;

const server = await startRedis();
await keepApart(await server.pid());

/** A client, and the least that a save and a load could do through it. */
interface Driver {
  readonly name: string;
  readonly client: RedisClient;
  /** A transaction of a SET with a time to live and a ZADD. */
  bareSave(key: string, text: string, score: number, member: string): Promise<unknown>;
  /** A GET. */
  bareLoad(key: string): Promise<unknown>;
}

async function drivers(): Promise<readonly Driver[]> {
  const ioredis = new Redis(server.url());
  const nodeRedis = await createClient({ url: server.url() }).connect();
  const all: Driver[] = [
    {
      name: "ioredis",
      client: ioredis,
      bareSave: (key, text, score, member) =>
        ioredis.multi().set(key, text, "EX", TTL_SECONDS).zadd("bare:runs", score, member).exec(),
      bareLoad: (key) => ioredis.get(key),
    },
    {
      name: "node-redis",
      client: nodeRedis,
      bareSave: (key, text, score, member) =>
        nodeRedis.multi().set(key, text, { EX: TTL_SECONDS })
          .zAdd("bare:runs", { score, value: member }).exec(),
      bareLoad: (key) => nodeRedis.get(key),
    },
  ];
  if (await whyNoRedisDriver() === undefined) {
    const { connect } = await import("@db/redis");
    const client = await connect({ hostname: "127.0.0.1", port: server.port, noDelay: true });
    all.push({
      name: "@db/redis",
      client,
      bareSave(key, text, score, member) {
        const transaction = client.tx();
        transaction.set(key, text, { ex: TTL_SECONDS });
        transaction.zadd("bare:runs", score, member);
        return transaction.flush();
      },
      bareLoad: (key) => client.get(key),
    });
  }
  return all;
}

for (const { name, client, bareSave, bareLoad } of await drivers()) {
  const checkpointer = new RedisCheckpointer({ client });
  let sequence = 0;
  const saves = async () => {
    for (let save = 0; save < SAVES; save++) await checkpointer.save(record(name, sequence++));
  };
  benchRatio({
    name: `a save through ${name}`,
    awake: true,
    unit: "save",
    units: SAVES,
    mostTimes: 1.5,
    async floor() {
      for (let save = 0; save < SAVES; save++) {
        const text = recordToText(record(name, sequence));
        await bareSave(`bare:${name}:${sequence++}`, text, Date.now() / 1_000, name);
      }
    },
    work: saves,
  });
  const loaded = `long ${name}`;
  for (let step = 0; step < 1_000; step++) await checkpointer.save(record(loaded, step));
  await bareSave(`bare:${name}`, recordToText(record(loaded, 999)), 0, name);
  benchRatio({
    name: `a load of the latest of 1,000 checkpoints through ${name}`,
    awake: true,
    unit: "load",
    units: LOADS,
    mostTimes: 2,
    async floor() {
      for (let load = 0; load < LOADS; load++) await bareLoad(`bare:${name}`);
    },
    async work() {
      for (let load = 0; load < LOADS; load++) await checkpointer.loadLatest("bench", loaded);
    },
  });
  if (name !== "@db/redis") continue;
  benchTime({
    name: `a save through ${name}, in all`,
    unit: "save",
    units: SAVES,
    mostMicroseconds: 200,
    work: saves,
  });
}

const [{ client }] = await drivers() as [Driver];
const listing = new RedisCheckpointer({ client });
for (let run = 0; run < RUNS; run++) {
  await listing.save({ ...record(`run ${run}`, 0), pipelineName: "many" });
}
benchTime({
  name: "listing 1,000 runs",
  unit: "listing",
  units: 1,
  mostMicroseconds: 20_000,
  async work() {
    const { length } = await Array.fromAsync(listing.listRuns("many"));
    if (length !== RUNS) throw new Error(`Expected ${RUNS} runs, not ${length}`);
  },
});
