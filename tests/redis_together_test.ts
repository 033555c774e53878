import { assert, assertEquals, assertRejects } from "@std/assert";
import { Redis } from "npm:ioredis@6.0.0";
import { RedisCheckpointer } from "../backends/redis.ts";
import { RedisError } from "../backends/redis_error.ts";
import type { Keys, Script } from "../backends/redis_script.ts";
import { makeSharedScript, together } from "../backends/redis_together.ts";
import { CheckpointConflictError, type CheckpointRecord } from "../mod.ts";
import { changeBetween } from "../pipeline/change.ts";
import { end } from "./redis_probes.ts";
import { testOnRedis } from "./redis_watched.ts";
import { following, makeRecord, manyItems, withField } from "./suite/samples.ts";
import { saveUpon } from "./suite/saving.ts";

const ONE = makeSharedScript("return KEYS[1]");
const OTHER = makeSharedScript("return KEYS[2]");

/** What runs shared scripts where a call is alone or not, and the calls that came of it. */
function watched(isAlone: boolean, answer: (keys: Keys) => unknown = (keys) => keys) {
  const calls: {
    readonly script: Script;
    readonly keys: Keys;
    readonly args: readonly string[];
  }[] = [];
  const run = async (script: Script, keys: Keys, args: readonly string[]) => {
    calls.push({ script, keys, args });
    await Promise.resolve();
    return answer(keys);
  };
  return { calls, run: together(run, () => isAlone) };
}

function keysOf(count: number): readonly Keys[] {
  return Array.from({ length: count }, (_, index): Keys => [`key ${index}`]);
}

Deno.test("a call that is alone goes at once, as it is", async () => {
  const { calls, run } = watched(true);
  const answer = run(ONE, ["key"], ["argument"]);
  assertEquals(calls, [{ script: ONE, keys: ["key"], args: ["argument"] }]);
  assertEquals(await answer, ["key"]);
});

Deno.test("calls of one turn travel eight at a time, and each gets its answer", async () => {
  const { calls, run } = watched(false);
  const answers = await Promise.all(keysOf(17).map((keys) => run(ONE, keys, ["argument"])));
  assertEquals(answers, [...keysOf(16).flat(), ["key 16"]]);
  assertEquals(calls.map(({ script }) => script), [ONE.several, ONE.several, ONE]);
  assertEquals(calls.map(({ keys }) => keys.length), [8, 8, 1]);
});

Deno.test("calls of different scripts, and long ones, travel apart", async () => {
  const { calls, run } = watched(false);
  const long = "x".repeat(60_000);
  await Promise.all([
    ...keysOf(2).map((keys) => run(ONE, keys, ["argument"])),
    ...keysOf(2).map((keys) => run(OTHER, keys, [long])),
  ]);
  assertEquals(calls.map(({ script }) => script), [ONE.several, OTHER, OTHER]);
});

Deno.test("a server that is away is the end of those that travel together, and of no others", async () => {
  const { run } = watched(false, (keys) => {
    if (keys.includes("key 9")) throw new Error("lost");
    return keys;
  });
  const settled = await Promise.allSettled(keysOf(24).map((keys) => run(ONE, keys, [])));
  const failed = settled.flatMap(({ status }, index) => status === "rejected" ? [index] : []);
  assertEquals(failed, [8, 9, 10, 11, 12, 13, 14, 15]);
});

Deno.test("an answer that is not as many as were asked for is refused", async () => {
  const { run } = watched(false, () => ["one"]);
  const settled = await Promise.allSettled(keysOf(2).map((keys) => run(ONE, keys, [])));
  assertEquals(settled.map(({ status }) => status), ["rejected", "rejected"]);
});

Deno.test("what one call is refused for is the end of that one alone", async () => {
  const { run, calls } = watched(false, (keys) => {
    const cause = new Error("NOPERM this user has no permissions to access one of the keys");
    if (keys.includes("key 9")) throw new RedisError("Cannot save a checkpoint", { cause });
    return keys;
  });
  const settled = await Promise.allSettled(keysOf(24).map((keys) => run(ONE, keys, [])));
  const failed = settled.flatMap(({ status }, index) => status === "rejected" ? [index] : []);
  assertEquals(failed, [9]);
  assertEquals(calls.length, 3 + 8);
});

const RUNS = 40;
const STEPS = 10;

/** The first records of some runs, of small states or of such whose changes are stored. */
function begin(isLarge: boolean): readonly CheckpointRecord[] {
  const state = { pad: isLarge ? manyItems("pad") : [], count: 0 };
  return Array.from({ length: RUNS }, (_, run) => makeRecord({ runId: `run-${run}`, state }));
}

function next(last: CheckpointRecord, count = last.sequence + 1): CheckpointRecord {
  return following(last, { state: withField(last.state, "count", count) });
}

/** Saves the next record of each run at once, and comes back with them. */
async function saveNext(
  store: RedisCheckpointer,
  records: readonly CheckpointRecord[],
): Promise<readonly CheckpointRecord[]> {
  return await Promise.all(records.map((last) => saveUpon(store, last, next(last))));
}

async function assertLatest(store: RedisCheckpointer, records: readonly CheckpointRecord[]) {
  for (const { runId, ...record } of records) {
    const loaded = await store.loadLatest("pipeline", runId);
    assertEquals([loaded?.sequence, loaded?.state, loaded?.writer], [
      record.sequence,
      record.state,
      record.writer,
    ]);
  }
}

for (const isLarge of [false, true]) {
  const kind = isLarge ? "changes" : "whole checkpoints";

  testOnRedis(`${kind} that are saved at once travel together`, async (probe) => {
    const { store, other, client, sent } = probe;
    let records = begin(isLarge);
    await Promise.all(records.map((record) => store.save(record)));
    records = await saveNext(store, records);
    sent.length = 0;
    for (let step = 2; step <= STEPS; step++) records = await saveNext(store, records);
    const each = sent.length / (STEPS - 1);
    assert(each <= RUNS / 8 + 1, `${each} scripts for a step of ${RUNS} runs`);
    await assertLatest(other, records);
    const keys = await client.keys("firefly:ckpt:pipeline:run*:*");
    const lives = await Promise.all(keys.map((key) => client.pttl(key)));
    assert(lives.every((ms) => ms > 0), "a key lives for ever");
    const listed = await Array.fromAsync(other.listRuns("pipeline"));
    assertEquals(new Set(listed.map(({ sequence }) => sequence)), new Set([STEPS]));
  });

  testOnRedis(`of ${kind} that are saved at once, each has its own conflict`, async (probe) => {
    const { store, other } = probe;
    const first = begin(isLarge);
    await Promise.all(first.map((record) => store.save(record)));
    const records = await saveNext(store, first);
    const claims = new Map<string, CheckpointRecord>();
    for (const record of records.filter((_, index) => index % 5 === 0)) {
      const claim = following(record, { writer: "other" });
      await other.save(claim, changeBetween(record, claim));
      claims.set(record.runId, claim);
    }
    const latest = await Promise.all(records.map(async (last) => {
      const saving = () => saveUpon(store, last, next(last, 100));
      const claim = claims.get(last.runId);
      if (claim === undefined) return await saving();
      await assertRejects(saving, CheckpointConflictError);
      return claim;
    }));
    await assertLatest(other, latest);
  });

  testOnRedis(
    `${kind} that are saved at once are stored once where the answer is lost`,
    async (probe) => {
      const { store, other, loseNext } = probe;
      let records = begin(isLarge);
      await Promise.all(records.map((record) => store.save(record)));
      for (let step = 1; step <= STEPS; step++) {
        loseNext();
        records = await saveNext(store, records);
      }
      await assertLatest(other, records);
      for (const { runId } of records.slice(0, 3)) {
        const history = await Array.fromAsync(other.history("pipeline", runId));
        assertEquals(history.map(({ sequence }) => sequence), [10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
      }
    },
  );
}

testOnRedis(
  "a run whose keys are refused is no end of those that are saved at once with it",
  async (probe) => {
    const { client, other } = probe;
    const password = crypto.randomUUID();
    const allow = (...keys: readonly string[]) =>
      client.call("ACL", "SETUSER", "worker", "reset", "on", `>${password}`, "+@all", ...keys);
    await allow("~*");
    const { host, port } = client.options;
    const worker = new Redis({ host, port, username: "worker", password });
    try {
      const store = new RedisCheckpointer({ client: worker });
      const first = begin(false);
      await Promise.all(first.map((record) => store.save(record)));
      const records = await saveNext(store, first);
      // The first one finds nobody else, and goes alone.
      const refused = 5;
      const others = records.toSpliced(refused, 1);
      await allow("~*:runs", "~*:expiring", ...others.map(({ runId }) => `~*:${runId}:*`));
      const latest = await Promise.all(records.map(async (last, index) => {
        const saving = saveUpon(store, last, next(last));
        if (index !== refused) return await saving;
        const { code } = await assertRejects(() => saving, RedisError);
        assertEquals(code, "NOPERM");
        return last;
      }));
      await assertLatest(other, latest);
    } finally {
      await end(worker);
    }
  },
);
