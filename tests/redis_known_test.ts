import { assert, assertEquals, assertRejects } from "@std/assert";
import type { RedisCheckpointer } from "../backends/redis.ts";
import { CheckpointConflictError, type CheckpointRecord } from "../mod.ts";
import { changeBetween } from "../pipeline/change.ts";
import { testOnRedis } from "./redis_watched.ts";
import { assertStored } from "./suite/checks.ts";
import { following, makeRecord, manyItems, withField } from "./suite/samples.ts";

const RUN = "firefly:ckpt:pipeline:run";

/** Checkpoints of a run, newest first. */
type Records = readonly [CheckpointRecord, ...CheckpointRecord[]];

/** A record of a small state, or of one whose changes are stored. */
function first(isLarge: boolean): CheckpointRecord {
  return makeRecord({ state: { pad: isLarge ? manyItems("pad") : [], count: 0 } });
}

function next(last: CheckpointRecord, count: number): CheckpointRecord {
  return following(last, { state: withField(last.state, "count", count) });
}

/** Saves some checkpoints, each upon the one before, and comes back with them, the newest first. */
async function saveUpon(
  store: RedisCheckpointer,
  records: Records,
  count: number,
): Promise<Records> {
  const [last] = records;
  if (count === 0) return records;
  const record = next(last, count);
  await store.save(record, changeBetween(last, record));
  return await saveUpon(store, [record, ...records], count - 1);
}

function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

for (const isLarge of [false, true]) {
  const kind = isLarge ? "changes" : "whole checkpoints";

  testOnRedis(
    `${kind} upon one's own are one round trip each, and read one field`,
    async ({ store, client, sent }) => {
      const one = first(isLarge);
      await store.save(one);
      const begun = await saveUpon(store, [one], 1);
      sent.length = 0;
      await client.config("RESETSTAT");
      await saveUpon(store, begun, 20);
      const info = await client.info("commandstats");
      const calls = (command: string) =>
        Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(info)?.[1] ?? 0);
      assertEquals(sent.length, 20);
      assertEquals([calls("hget"), calls("hmget")], [20, 0]);
      assertEquals(calls(isLarge ? "rpush" : "set"), 20);
    },
  );

  testOnRedis(
    `${kind} whose answer was lost are stored once`,
    async ({ store, other, client, loseNext }) => {
      const one = first(isLarge);
      await store.save(one);
      let records = await saveUpon(store, [one], 1);
      for (let lost = 0; lost < 3; lost++) {
        loseNext();
        records = await saveUpon(store, records, 1);
      }
      await assertStored(other, records);
      assertEquals((await client.keys(`${RUN}:0*`)).length, isLarge ? 1 : records.length);
    },
  );

  testOnRedis(
    `${kind} that another instance saved meanwhile are not taken for one's own`,
    async ({ store, other }) => {
      const one = first(isLarge);
      await store.save(one);
      const [two] = await saveUpon(store, [one], 1);
      const theirs = next(two, 7);
      await other.save(theirs, changeBetween(two, theirs));
      const ours = next(two, 8);
      await store.save(ours, changeBetween(two, ours));
      await assertStored(other, [ours, two, one]);
      const claim = following(ours, { writer: "other" });
      await other.save(claim, changeBetween(ours, claim));
      const late = next(ours, 9);
      await assertRejects(
        () => store.save(late, changeBetween(ours, late)),
        CheckpointConflictError,
      );
      await assertStored(other, [claim, ours, two, one]);
    },
  );

  testOnRedis(
    `${kind} put off the end of all that the latest needs, to the same millisecond`,
    async ({ store, client }) => {
      const one = first(isLarge);
      await store.save(one);
      let records = await saveUpon(store, [one], 1);
      let before = 0;
      for (let save = 0; save < 20; save++) {
        await pass(2);
        records = await saveUpon(store, records, 1);
        const digits = `${isLarge ? 0 : records[0].sequence}`.padStart(6, "0");
        const needed = await client.keys(`${RUN}:${digits}_*`);
        if (isLarge) needed.push(`${RUN}:changes:0`);
        const deadlines = await Promise.all(
          [`${RUN}:index`, ...needed].map(async (key) => Number(await client.pexpiretime(key))),
        );
        const [index = 0] = deadlines;
        assertEquals(deadlines, new Array(isLarge ? 3 : 2).fill(index));
        assert(index > before, `${index} is not later than ${before}`);
        before = index;
      }
    },
  );

  testOnRedis(
    `${kind} are placed by the server's time also in the first tenth of its second`,
    async ({ store, client }) => {
      const now = async () => {
        const [seconds, micros] = await client.time();
        return Number(seconds) + Number(micros) / 1_000_000;
      };
      const one = first(isLarge);
      await store.save(one);
      const records = await saveUpon(store, [one], 1);
      let before = await now();
      // Its microseconds have fewer than six digits then.
      for (; before % 1 > 0.05; before = await now()) await pass(5);
      await saveUpon(store, records, 1);
      const score = Number(await client.zscore("firefly:ckpt:pipeline:runs", "run"));
      assert(before <= score && score <= await now(), `${score} after ${before}`);
    },
  );

  testOnRedis(
    `${kind} go on where the server forgot the run, and not where it was deleted`,
    async ({ store, other, client }) => {
      const records = await saveUpon(store, [first(isLarge)], 3);
      await client.flushall();
      const [latest] = await saveUpon(store, records, 1);
      await assertStored(other, [latest]);
      await other.deleteRun("pipeline", "run");
      await assertRejects(
        () => saveUpon(store, [latest], 1),
        CheckpointConflictError,
      );
      assertEquals(await client.exists(`${RUN}:index`), 0);
    },
  );
}

testOnRedis(
  "the index of a run of whole checkpoints is tidied up now and then, whoever saves",
  async ({ store, client }) => {
    const one = first(false);
    await store.save(one);
    let records = await saveUpon(store, [one], 200);
    const keys = await client.keys(`${RUN}:000*`);
    await client.del(...keys.filter((key) => !key.includes(":000200_")));
    records = await saveUpon(store, records, 128);
    assertEquals(records.length, 329);
    const left = await client.hkeys(`${RUN}:index`);
    assertEquals(left.filter((field) => /^\d+$/.test(field)).length, 129);
  },
);
