import { assert, assertEquals } from "@std/assert";
import type { RedisCheckpointer } from "../backends/redis.ts";
import { record } from "./probe_record.ts";
import { DRIVERS, OWN_OR_IOREDIS } from "./redis_probes.ts";
import { startRedis } from "./servers/redis.ts";

const server = await startRedis();

/** Commands of clients and of this test, which are none of ours. */
const OTHERS = /^(?:acl|auth|client|config|hello|info|ping|select|command|debug|script)\b/;

type Bill = Readonly<Record<string, number>>;

/** How often the server was asked for each command while something was done. */
async function billOf(work: () => Promise<unknown>): Promise<Bill> {
  await server.cli("config", "resetstat");
  await work();
  const calls = [...await server.calls()].filter(([command]) => !OTHERS.test(command));
  return Object.fromEntries(calls.toSorted(([one], [other]) => one < other ? -1 : 1));
}

/** Saves checkpoints one after the other, from one sequence to below another. */
async function saveFrom(
  checkpointer: RedisCheckpointer,
  from: number,
  to: number,
): Promise<void> {
  for (let sequence = from; sequence < to; sequence++) await checkpointer.save(record(sequence));
}

for (const { name, ignore, open } of DRIVERS) {
  Deno.test({
    name: `${name}: a save is one round trip, and so is a load of the latest`,
    ignore: ignore !== undefined,
    async fn() {
      await server.cli("flushall");
      await server.cli("script", "flush");
      await using probe = await open(server.url());
      const { checkpointer } = probe;
      await saveFrom(checkpointer, 0, 1);
      await checkpointer.loadLatest("factory", "r1");
      const saving = await billOf(() => saveFrom(checkpointer, 1, 41));
      assertEquals([saving.evalsha, saving.eval], [40, undefined], Deno.inspect(saving));
      const loading = await billOf(async () => {
        for (let load = 0; load < 40; load++) await checkpointer.loadLatest("factory", "r1");
      });
      assertEquals(loading, { evalsha: 40, get: 40, hmget: 40, time: 40, zscore: 40 });
      // No command but ours was sent: those within a script are counted too.
      const within = Object.entries(saving).filter(([command]) => command !== "evalsha");
      for (const [command, calls] of within) {
        assert(calls <= 40 + 5 * 3, `${calls} times ${command} for 40 saves`);
      }
    },
  });
}

Deno.test("no key is searched for, whatever is done with runs of ours", async () => {
  await server.cli("flushall");
  await using probe = await OWN_OR_IOREDIS.open(server.url());
  const { checkpointer } = probe;
  const bill = await billOf(async () => {
    for (const runId of ["a:b", "plain", "größe *"]) {
      for (const sequence of [0, 1, 2]) await checkpointer.save(record(sequence, { runId }));
      await checkpointer.loadLatest("factory", runId);
      await Array.fromAsync(checkpointer.history("factory", runId));
    }
    await Array.fromAsync(checkpointer.listRuns("factory"));
    await Array.fromAsync(checkpointer.listRuns("factory", { status: "paused", limit: 1 }));
    await checkpointer.deleteRun("factory", "plain");
  });
  for (const command of ["keys", "scan", "smembers", "hgetall", "hscan", "zscan", "sort"]) {
    assertEquals(bill[command], undefined, command);
  }
});

Deno.test("a million other keys change nothing in what is asked for", async () => {
  await server.cli("flushall");
  await using probe = await OWN_OR_IOREDIS.open(server.url());
  const { checkpointer } = probe;
  const use = async () => {
    await saveFrom(checkpointer, 0, 20);
    await checkpointer.loadLatest("factory", "r1");
    await Array.fromAsync(checkpointer.history("factory", "r1"));
    await Array.fromAsync(checkpointer.listRuns("factory"));
  };
  const alone = await billOf(use);
  await checkpointer.deleteRun("factory", "r1");
  await server.cli("debug", "populate", "1000000", "other");
  assertEquals(await billOf(use), alone);
  await server.cli("flushall");
});

Deno.test("a long run costs no more than a short one", async () => {
  await server.cli("flushall");
  await using probe = await OWN_OR_IOREDIS.open(server.url());
  const { checkpointer } = probe;
  await saveFrom(checkpointer, 0, 16);
  const short = await billOf(() => saveFrom(checkpointer, 16, 32));
  await saveFrom(checkpointer, 32, 5_000 * 8);
  const long = await billOf(() => saveFrom(checkpointer, 40_000, 40_016));
  assertEquals(long, short);
  assertEquals(await billOf(() => checkpointer.loadLatest("factory", "r1")), {
    evalsha: 1,
    get: 1,
    hmget: 1,
    time: 1,
    zscore: 1,
  });
  const left = await billOf(async () => {
    for await (const { sequence } of checkpointer.history("factory", "r1")) {
      assertEquals(sequence, 40_015);
      break;
    }
  });
  assert((left.get ?? 0) <= 100, "a history that is left early was read on");
});

Deno.test("a listing reads no large state, and no more runs than it needs", async () => {
  await server.cli("flushall");
  await using probe = await OWN_OR_IOREDIS.open(server.url());
  const { checkpointer } = probe;
  const state = { text: "x".repeat(100_000) };
  for (let run = 0; run < 30; run++) {
    await checkpointer.save(record(0, { runId: `r${run}`, state }));
  }
  const bill = await billOf(async () => {
    const runs = await Array.fromAsync(checkpointer.listRuns("factory"));
    assertEquals(runs.length, 30);
  });
  assertEquals([bill.get, bill.hmget], [undefined, 30]);
});

Deno.test("what is asked for at once travels together", async () => {
  await server.cli("flushall");
  await using probe = await OWN_OR_IOREDIS.open(server.url());
  const { checkpointer } = probe;
  await checkpointer.save(record(0));
  const readsBefore = await reads();
  await Promise.all(
    Array.from({ length: 1_000 }, (_, run) => checkpointer.save(record(0, { runId: `r${run}` }))),
  );
  const took = await reads() - readsBefore;
  assert(took < 500, `the server read ${took} times for 1,000 saves`);
  assertEquals((await Array.fromAsync(checkpointer.listRuns("factory"))).length, 1_000);
});

/** How often the server read from connections. */
async function reads(): Promise<number> {
  return Number(
    /^total_reads_processed:(\d+)/m.exec(await server.cli("info", "stats"))?.[1],
  );
}
