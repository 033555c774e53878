import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { join } from "@std/path";
import {
  append,
  CheckpointConflictError,
  type Checkpointer,
  type CheckpointRecord,
  definePipeline,
  END,
  RunNotFoundError,
  unchecked,
} from "../mod.ts";
import { expectStatus } from "./engine_probes.ts";
import { FaultyCheckpointer } from "./faulty_checkpointer.ts";
import { type Address, openStore } from "./places/open.ts";
import { filePlace } from "./places/file_place.ts";
import { findPostgres } from "./servers/postgres.ts";
import { REDIS, startRedis, type ThrowAwayRedis, whyNot } from "./servers/redis.ts";
import { settle } from "./suite/parallel.ts";

const STEPS = 6;

interface Walk {
  /** Enough that stores keep changes rather than whole records. */
  readonly luggage: string;
  readonly log: readonly string[];
}

const INPUT: Walk = { luggage: "tent, rope, tea; ".repeat(200), log: [] };

const WHOLE_LOG = Array.from({ length: STEPS }, (_, index) => `step ${index + 1}`);

type Step = (visit: number) => void | Promise<void>;

function walking(checkpointer: Checkpointer, step: Step = () => {}, leaseMs = 30_000) {
  return definePipeline({
    name: "walk",
    state: unchecked<Walk>(),
    reducers: { log: append },
    nodes: {
      step: async (_, { visit }) => {
        await step(visit);
        return { log: `step ${visit}` };
      },
    },
    start: "step",
    edges: { step: ({ log }) => log.length < STEPS ? "step" : END },
  }, { checkpointer, leaseMs });
}

const ignore = await whyNot(REDIS) !== undefined;

/** Registers a test over a Redis that keeps nothing when it stops, unless it is told to. */
function onForgetfulRedis(
  behaviour: string,
  body: (checkpointer: Checkpointer, server: ThrowAwayRedis) => Promise<void>,
): void {
  Deno.test({
    name: `Redis without persistence: ${behaviour}`,
    ignore,
    async fn() {
      await using server = await startRedis();
      await using opened = await openStore({ backend: "redis", where: server.url() });
      await body(opened.checkpointer, server);
    },
  });
}

/** Lets it forget what it was not told to keep. */
async function restart(server: ThrowAwayRedis): Promise<void> {
  await server.kill();
  await server.start();
}

onForgetfulRedis("a run under way outlives it", async (checkpointer, server) => {
  const result = await walking(checkpointer, async (visit) => {
    if (visit === 4) await restart(server);
  }).invoke(INPUT, { runId: "r" });
  assertEquals(expectStatus(result, "completed").state.log, WHOLE_LOG);
  const records = await Array.fromAsync(checkpointer.history("walk", "r"));
  assertEquals(records.map(({ sequence }) => sequence), [6, 5, 4]);
  const resumed = await walking(checkpointer).resume("r");
  assertEquals(expectStatus(resumed, "completed").state, result.state);
});

onForgetfulRedis("a worker that is heard of meanwhile goes on", async (store, server) => {
  const checkpointer = new FaultyCheckpointer(store);
  const pipeline = walking(checkpointer, async (visit) => {
    if (visit !== 4) return;
    await restart(server);
    for (let time = 0; time < 3; time++) await checkpointer.heard;
  }, 60);
  const result = await pipeline.invoke(INPUT, { runId: "r" });
  assertEquals(expectStatus(result, "completed").state.log, WHOLE_LOG);
});

onForgetfulRedis("a run that nobody is at is told as lost", async (checkpointer, server) => {
  const failing = walking(checkpointer, () => Promise.reject(new Error("not yet")));
  expectStatus(await failing.invoke(INPUT, { runId: "r" }), "failed");
  await restart(server);
  await assertRejects(() => walking(checkpointer).resume("r"), RunNotFoundError);
  const result = await walking(checkpointer).invoke(INPUT, { runId: "r" });
  assertEquals(expectStatus(result, "completed").state.log, WHOLE_LOG);
});

onForgetfulRedis("a run under way outlives the loss of its last saves", async (store, server) => {
  const result = await walking(store, async (visit) => {
    if (visit === 2) await server.cli("save");
    if (visit === 5) await restart(server);
  }).invoke(INPUT, { runId: "r" });
  assertEquals(expectStatus(result, "completed").state.log, WHOLE_LOG);
  const records = await Array.fromAsync(store.history("walk", "r"));
  assertEquals(records.map(({ sequence }) => sequence), [6, 5, 1, 0]);
});

onForgetfulRedis("a run whose last saves are lost goes on before them", async (store, server) => {
  const failing = walking(store, async (visit) => {
    if (visit === 2) await server.cli("save");
    if (visit === 5) throw new Error("not yet");
  });
  expectStatus(await failing.invoke(INPUT, { runId: "r" }), "failed");
  await restart(server);
  const ran: number[] = [];
  const pipeline = walking(store, (visit) => void ran.push(visit));
  const result = await pipeline.resume("r", { takeOver: true });
  assertEquals(expectStatus(result, "completed").state.log, WHOLE_LOG);
  assertEquals(ran, [2, 3, 4, 5, 6]);
});

for (const keeps of ["nothing", "what was before the claim"] as const) {
  onForgetfulRedis(`it keeps ${keeps}, and of two workers one goes on`, async (store, server) => {
    const [first, second] = [worker(store), worker(store)];
    const slow = first.pipeline.invoke(INPUT, { runId: "r" });
    await first.started;
    if (keeps !== "nothing") await server.cli("save");
    const quick = second.pipeline.resume("r", { takeOver: true });
    await second.started;
    await restart(server);
    first.release();
    second.release();
    const { results, errors } = await settle([slow, quick]);
    assertEquals(results.map(({ state }) => state.log), [WHOLE_LOG]);
    assertEquals(errors.length, 1);
    assertInstanceOf(errors[0], CheckpointConflictError);
    const latest = await store.loadLatest("walk", "r");
    assertEquals(latest?.status, "completed");
    const records = await Array.fromAsync(store.history("walk", "r"));
    const writers = new Set(records.filter(({ steps }) => steps > 0).map(({ writer }) => writer));
    assertEquals(writers.size, 1);
  });
}

/** A worker that stops in its first step until it is released. */
function worker(checkpointer: Checkpointer) {
  const [started, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const pipeline = walking(checkpointer, async () => {
    started.resolve();
    await released.promise;
  });
  return { pipeline, started: started.promise, release: () => released.resolve() };
}

const postgres = await findPostgres();

/** A store that is set back, as a database is by a failover to a replica that was behind. */
interface Setback extends AsyncDisposable {
  readonly address: Address;
  /** Loses all checkpoints above a sequence. */
  lose(above: number): Promise<void>;
}

const SETBACKS: Readonly<Record<string, () => Promise<Setback>>> = {
  async Postgres() {
    const database = await postgres.createDatabase();
    return {
      address: { backend: "postgres", where: database.dsn },
      async lose(above) {
        await database.query(`DELETE FROM firefly_checkpoints WHERE sequence > ${above}`);
      },
      [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
    };
  },
  async Files() {
    const place = await filePlace();
    const folder = join(place.address.where, "walk", "r");
    return {
      address: place.address,
      async lose(above) {
        for (const { name } of Deno.readDirSync(folder)) {
          const [, sequence] = /^(?:\.head-)?(\d{6})/.exec(name) ?? [];
          if (Number(sequence) > above) await Deno.remove(join(folder, name));
        }
      },
      [Symbol.asyncDispose]: () => place[Symbol.asyncDispose](),
    };
  },
};

for (const [name, setUp] of Object.entries(SETBACKS)) {
  Deno.test(`${name} that lost the last saves of a run: its worker is told, and it goes on`, async () => {
    await using setback = await setUp();
    await using opened = await openStore(setback.address);
    const { checkpointer } = opened;
    const losing = walking(checkpointer, async (visit) => {
      if (visit === 5) await setback.lose(2);
    });
    await assertRejects(() => losing.invoke(INPUT, { runId: "r" }), CheckpointConflictError);
    const latest: CheckpointRecord | undefined = await checkpointer.loadLatest("walk", "r");
    assertEquals([latest?.sequence, latest?.status], [2, "running"]);
    const ran: number[] = [];
    const result = await walking(checkpointer, (visit) => void ran.push(visit)).resume("r");
    assertEquals(expectStatus(result, "completed").state.log, WHOLE_LOG);
    assertEquals(ran, [3, 4, 5, 6]);
    const records = await Array.fromAsync(checkpointer.history("walk", "r"));
    assert(records.every(({ sequence }, index) => sequence === records.length - 1 - index));
  });
}
