import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { Redis } from "npm:ioredis@6.0.0";
import { RedisCheckpointer, RedisError } from "../backends/redis.ts";
import type { Checkpointer, CheckpointRecord } from "../mod.ts";
import { changeBetween } from "../pipeline/change.ts";
import { record } from "./probe_record.ts";
import { end, onEmpty, OWN_OR_IOREDIS } from "./redis_probes.ts";
import { startRedis } from "./servers/redis.ts";
import { assertRecord, assertRefused, assertStored, sequences } from "./suite/checks.ts";
import { manyItems, withField } from "./suite/samples.ts";
import { saveUpon } from "./suite/saving.ts";

const server = await startRedis();
const withStore = onEmpty(server);

const RUN = "firefly:ckpt:factory:r1";
const LARGE = { pad: manyItems("pad"), count: 0 };

/** A record that changes little of the one before it. */
function next(
  previous: CheckpointRecord,
  fields: Partial<CheckpointRecord> = {},
): CheckpointRecord {
  const sequence = previous.sequence + 1;
  const state = withField(previous.state, "count", sequence);
  return { ...previous, sequence, state, steps: sequence, ...fields };
}

function saveNext(
  checkpointer: Checkpointer,
  previous: CheckpointRecord,
  fields: Partial<CheckpointRecord> = {},
): Promise<CheckpointRecord> {
  return saveUpon(checkpointer, previous, next(previous, fields));
}

/** Saves a large record and changes of it; comes back with all of them, newest first. */
async function saveChain(
  checkpointer: Checkpointer,
  changes: number,
  first = record(0, { state: LARGE }),
): Promise<[CheckpointRecord, ...CheckpointRecord[]]> {
  await checkpointer.save(first);
  const saved: [CheckpointRecord, ...CheckpointRecord[]] = [first];
  for (let change = 0; change < changes; change++) {
    saved.unshift(await saveNext(checkpointer, saved[0]));
  }
  assertEquals(await server.cli("llen", `${RUN}:changes:${first.sequence}`), String(changes));
  return saved;
}

/** When each key of the run expires, in milliseconds since 1970; -1 for never. */
async function deadlines(): Promise<Readonly<Record<string, number>>> {
  const found: Record<string, number> = {};
  for (const key of (await server.cli("keys", `${RUN}:*`)).split("\n").toSorted()) {
    found[key.slice(RUN.length + 1)] = Number(await server.cli("pexpiretime", key));
  }
  return found;
}

async function expireAll(): Promise<void> {
  for (const [part, deadline] of Object.entries(await deadlines())) {
    if (deadline >= 0) await server.cli("pexpireat", `${RUN}:${part}`, "1");
  }
}

async function assertLost(checkpointer: Checkpointer, word: string): Promise<void> {
  const error = await assertRejects(() => checkpointer.loadLatest("factory", "r1"), RedisError);
  for (const part of [word, `"r1"`, `"factory"`]) {
    assert(error instanceof Error && error.message.includes(part), Deno.inspect(error));
  }
}

Deno.test("a chain of changes expires with its whole checkpoint, in the same millisecond", async () => {
  await withStore({ ttlSeconds: 100 }, async (checkpointer) => {
    let [latest] = await saveChain(checkpointer, 5);
    for (let step = 0; step < 3; step++) {
      // A time of its own for each save.
      await new Promise((resolve) => setTimeout(resolve, 2));
      latest = await saveNext(checkpointer, latest);
      const { index = 0, ...parts } = await deadlines();
      assert(index > 0);
      assertEquals(parts, { "000000_deployer": index, "changes:0": index });
    }
    await expireAll();
    assertStrictEquals(await checkpointer.loadLatest("factory", "r1"), undefined);
    assertEquals(await Array.fromAsync(checkpointer.history("factory", "r1")), []);
    assertEquals(await Array.fromAsync(checkpointer.listRuns("factory")), []);
  });
});

Deno.test("an older chain keeps the time to live of its last save", async () => {
  await withStore({ ttlSeconds: 100 }, async (checkpointer) => {
    const [last] = await saveChain(checkpointer, 3);
    const { index: deadline } = await deadlines();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const whole = next(last, { writer: "other" });
    await checkpointer.save(whole);
    const latest = await saveNext(checkpointer, whole);
    const { index = 0, ...parts } = await deadlines();
    assert(deadline !== undefined && index > deadline);
    assertEquals(parts, {
      "000000_deployer": deadline,
      "000004_deployer": index,
      "changes:0": deadline,
      "changes:4": index,
    });
    for (const part of ["000000_deployer", "changes:0"]) {
      await server.cli("pexpireat", `${RUN}:${part}`, "1");
    }
    await assertStored(checkpointer, [latest, whole]);
  });
});

Deno.test("a run that paused with a change does not expire until it goes on", async () => {
  await withStore({ ttlSeconds: 100 }, async (checkpointer) => {
    const [last, ...older] = await saveChain(checkpointer, 3);
    const paused = await saveNext(checkpointer, last, { status: "paused", paused: true });
    assertEquals(await deadlines(), { "000000_deployer": -1, "changes:0": -1, index: -1 });
    await assertStored(checkpointer, [paused, last, ...older]);
    assertEquals((await Array.fromAsync(checkpointer.listRuns("factory")))[0]?.status, "paused");
    const resumed = next(paused, { writer: "other", status: "running", paused: false });
    await checkpointer.save(resumed, changeBetween(paused, resumed));
    for (const [part, deadline] of Object.entries(await deadlines())) assert(deadline > 0, part);
    await expireAll();
    assertStrictEquals(await checkpointer.loadLatest("factory", "r1"), undefined);
  });
});

Deno.test("a touch puts off the end of all that the latest checkpoint needs, and of no more", async () => {
  await withStore({ ttlSeconds: 100 }, async (checkpointer) => {
    const [last] = await saveChain(checkpointer, 2);
    const whole = next(last, { writer: "other" });
    await checkpointer.save(whole);
    const latest = await saveNext(checkpointer, whole);
    const before = await deadlines();
    const score = await server.cli("zscore", "firefly:ckpt:factory:runs", "r1");
    await new Promise((resolve) => setTimeout(resolve, 20));
    assertEquals(await checkpointer.touch("factory", "r1", "w1"), false);
    assertEquals(await deadlines(), before);
    assertEquals(await checkpointer.touch("factory", "r1", "other"), true);
    const { index = 0, ...parts } = await deadlines();
    assert(index > (before.index ?? NaN));
    const needed = { "000003_deployer": index, "changes:3": index };
    assertEquals<unknown>({ index, ...parts }, { ...before, index, ...needed });
    assertEquals(await server.cli("zscore", "firefly:ckpt:factory:runs", "r1"), score);
    await saveNext(checkpointer, latest, { status: "paused", paused: true });
    assertEquals(await checkpointer.touch("factory", "r1", "other"), true);
    assertStrictEquals((await deadlines()).index, -1);
    // What the server has forgotten, nobody else has taken.
    assertEquals(await checkpointer.touch("factory", "nobody's", "other"), true);
    assertEquals(await checkpointer.touch("factory", "r1", ""), false);
    await checkpointer.deleteRun("factory", "r1");
    assertEquals(await checkpointer.touch("factory", "r1", "other"), false);
  });
});

Deno.test("a change whose answer is lost is stored once", async () => {
  await server.cli("flushall");
  const client = new Redis(server.url());
  let isLossy = false;
  const checkpointer = new RedisCheckpointer({
    client: {
      async call(command, ...words) {
        const answer = await client.call(command, ...words);
        if (!isLossy) return answer;
        isLossy = false;
        throw new Deno.errors.ConnectionReset("the answer is lost");
      },
    },
  });
  try {
    let saved = await saveChain(checkpointer, 2);
    for (let step = 0; step < 3; step++) {
      isLossy = true;
      saved = [await saveNext(checkpointer, saved[0]), ...saved];
      assertEquals(isLossy, false);
    }
    assertEquals(await server.cli("llen", `${RUN}:changes:0`), "5");
    await assertStored(checkpointer, saved);
  } finally {
    await end(client);
  }
});

Deno.test("a chain of which a part is gone ends, and a whole checkpoint begins the next", async () => {
  for (const part of ["000000_deployer", "changes:0"]) {
    await withStore({}, async (checkpointer) => {
      const [last] = await saveChain(checkpointer, 3);
      await server.cli("del", `${RUN}:${part}`);
      const whole = await saveNext(checkpointer, last);
      const latest = await saveNext(checkpointer, whole);
      assertEquals(await server.cli("llen", `${RUN}:changes:4`), "1");
      const [first, second] = await Array.fromAsync(checkpointer.history("factory", "r1"));
      assertRecord(await checkpointer.loadLatest("factory", "r1"), latest);
      assertRecord(first, latest);
      assertRecord(second, whole);
    });
  }
});

Deno.test("a foreign key in the place of a list is left alone, and the checkpoint stored whole", async () => {
  await withStore({}, async (checkpointer) => {
    const [last] = await saveChain(checkpointer, 0);
    await server.cli("set", `${RUN}:changes:0`, "not ours");
    const whole = await saveNext(checkpointer, last);
    assertRecord(await checkpointer.loadLatest("factory", "r1"), whole);
    assertEquals(await server.cli("get", `${RUN}:changes:0`), "not ours");
    await server.cli("del", "firefly:ckpt:factory:runs");
    await server.cli("set", "firefly:ckpt:factory:runs", "not ours");
    await assertRejects(() => saveNext(checkpointer, whole), RedisError, "WRONGTYPE");
    assertRecord(await checkpointer.loadLatest("factory", "r1"), whole);
    assertEquals(await server.cli("exists", `${RUN}:changes:1`), "0");
  });
});

Deno.test("what an earlier life of a run left in a list is never taken for a change", async () => {
  await withStore({}, async (checkpointer) => {
    await saveChain(checkpointer, 3);
    await server.cli("del", `${RUN}:index`);
    await server.cli("del", `${RUN}:000000_deployer`);
    const first = record(0, { state: withField(LARGE, "life", 2) });
    await checkpointer.save(first);
    await assertStored(checkpointer, [first]);
    const second = await saveNext(checkpointer, first);
    const third = await saveNext(checkpointer, second);
    await assertStored(checkpointer, [third, second, first]);
  });
});

Deno.test("a checkpoint that took another's place is changed by nobody who knew the other", async () => {
  await withStore({}, async (checkpointer) => {
    await using probe = await OWN_OR_IOREDIS.open(server.url());
    const first = record(0, { state: LARGE });
    const other = { ...first, state: withField(LARGE, "other", true), steps: 7 };
    await checkpointer.save(first);
    await probe.checkpointer.save(other);
    const second = await saveNext(checkpointer, first);
    await assertStored(checkpointer, [second, other]);
    // To repeat one's own save is no such thing.
    await checkpointer.save(second);
    const third = await saveNext(checkpointer, second);
    assertEquals(await server.cli("llen", `${RUN}:changes:1`), "1");
    await assertStored(checkpointer, [third, second, other]);
  });
});

Deno.test("a change is refused to other writers and below the latest, and nothing is written", async () => {
  await withStore({}, async (checkpointer) => {
    await using probe = await OWN_OR_IOREDIS.open(server.url());
    const saved = await saveChain(checkpointer, 3);
    const claim = next(saved[0], { writer: "other" });
    await probe.checkpointer.save(claim);
    const before = await server.cli("dump", `${RUN}:changes:0`);
    const late = next(saved[0]);
    await assertRefused(checkpointer, late, changeBetween(saved[0], late));
    assertEquals(await server.cli("dump", `${RUN}:changes:0`), before);
    await assertStored(checkpointer, [claim, ...saved]);
  });
});

Deno.test("a latest change that is gone is told as lost, not taken for an earlier one", async () => {
  const cuts = [["del", `${RUN}:changes:0`], ["rpop", `${RUN}:changes:0`]] as const;
  for (const cut of cuts) {
    await withStore({}, async (checkpointer) => {
      const [, ...older] = await saveChain(checkpointer, 3);
      await server.cli(...cut);
      await assertLost(checkpointer, "noeviction");
      const history = await Array.fromAsync(checkpointer.history("factory", "r1"));
      assertEquals(sequences(history), cut[0] === "del" ? [0] : sequences(older));
    });
  }
});

Deno.test("a damaged change is told, never folded into a wrong state", async () => {
  const damages = [
    ["lset", `${RUN}:changes:0`, "1", "{"],
    ["lset", `${RUN}:changes:0`, "1", "{}"],
    ["lrem", `${RUN}:changes:0`, "1", "$1"],
    ["set", `${RUN}:000000_deployer`, "{}"],
  ];
  for (const damage of damages) {
    await withStore({}, async (checkpointer) => {
      const [last] = await saveChain(checkpointer, 3);
      const middle = await server.cli("lindex", `${RUN}:changes:0`, "1");
      await server.cli(...damage.map((word) => word === "$1" ? middle : word));
      await assertLost(checkpointer, "damaged");
      await assertRejects(
        () => Array.fromAsync(checkpointer.history("factory", "r1")),
        RedisError,
        "damaged",
      );
      // Whoever has the run whole heals it.
      const whole = next(last, { writer: "w1" });
      await checkpointer.save(whole);
      assertRecord(await checkpointer.loadLatest("factory", "r1"), whole);
    });
  }
});

Deno.test("a deleted run leaves no list behind, nor one that no index leads to", async () => {
  for (const isIndexed of [true, false]) {
    await withStore({ ttlSeconds: null }, async (checkpointer) => {
      const [last] = await saveChain(checkpointer, 3);
      const whole = next(last, { writer: "other" });
      await checkpointer.save(whole);
      await saveNext(checkpointer, whole);
      if (!isIndexed) await server.cli("del", `${RUN}:index`);
      await checkpointer.deleteRun("factory", "r1");
      // That it was deleted is remembered for a while, if the run was known.
      assertEquals(await server.cli("keys", "*"), isIndexed ? `${RUN}:deleted` : "");
    });
  }
});

Deno.test("what is trimmed leaves no key behind, and takes nothing that is needed", async () => {
  await withStore({}, async (checkpointer) => {
    // Two chains, 0 to 3 and 20 to 22, then 30.
    const one = await saveChain(checkpointer, 3);
    const two = await saveChain(checkpointer, 2, next(one[0], { sequence: 20, writer: "other" }));
    const latest = next(two[0], { sequence: 30, writer: "third" });
    await checkpointer.save(latest);
    const all = [latest, ...two, ...one] as const;
    for (const [below, removed, left] of [[0, 0, 8], [3, 0, 8], [4, 4, 4], [22, 0, 4]] as const) {
      assertEquals(await checkpointer.trim("factory", "r1", below), removed);
      const history = await Array.fromAsync(checkpointer.history("factory", "r1"));
      assertEquals(sequences(history), sequences(all.slice(0, left)));
      for (const [index, found] of history.entries()) assertRecord(found, all[index] ?? latest);
    }
    assertEquals(await checkpointer.trim("factory", "r1", Infinity), 3);
    await assertStored(checkpointer, [latest]);
    assertEquals(Object.keys(await deadlines()), ["000030_deployer", "index"]);
    assertEquals(await checkpointer.trim("factory", "nobody's", Infinity), 0);
    const end = next(latest);
    await checkpointer.save(end, changeBetween(latest, end));
    await assertStored(checkpointer, [end, latest]);
    await checkpointer.deleteRun("factory", "r1");
    assertEquals(await server.cli("keys", "*"), `${RUN}:deleted`);
  });
});

Deno.test("a listing reads the last change of a run, and no large one", async () => {
  await withStore({}, async (checkpointer) => {
    const [last] = await saveChain(checkpointer, 20);
    const listed = async () => {
      await server.cli("config", "resetstat");
      const [run] = await Array.fromAsync(checkpointer.listRuns("factory"));
      const [calls, bytes] = [await server.calls(), await server.cli("info", "stats")];
      const sent = Number(/^total_net_output_bytes:(\d+)/m.exec(bytes)?.[1]);
      assertEquals([calls.get("get"), calls.get("lrange")], [undefined, undefined]);
      assert(sent < 5_000, `${sent} bytes were read`);
      return run;
    };
    const pause = { id: "gate#1", reason: "go?", at: "2026-01-01T00:00:00.000Z" };
    const small = await saveNext(checkpointer, last, {
      nodeId: "gate",
      savedAt: "2026-01-01T00:00:09.000Z",
      pendingEdges: [{ node: "gate", visit: 1, pause }],
    });
    const told = await listed();
    assertEquals(
      [told?.sequence, told?.nodeId, told?.savedAt, told?.status],
      [21, "gate", "2026-01-01T00:00:09.000Z", "running"],
    );
    assertEquals(told?.pauses, [{ ...pause, node: "gate" }]);
    const large = next(small, { nodeId: "work", pendingEdges: [] });
    const grown = { ...large, state: withField(large.state, "text", "x".repeat(10_000)) };
    await checkpointer.save(grown, changeBetween(small, grown));
    assertEquals(await server.cli("llen", `${RUN}:changes:0`), "22");
    const toldLarge = await listed();
    assertEquals([toldLarge?.sequence, toldLarge?.nodeId, toldLarge?.pauses], [22, "work", []]);
    await saveNext(checkpointer, grown);
    assertEquals((await listed())?.sequence, 23);
  });
});

Deno.test("a history that is left early does not read what is older", async () => {
  await withStore({}, async (checkpointer) => {
    let whole = record(0, { state: withField(LARGE, "text", "x".repeat(1_000_000)) });
    for (let chain = 0; chain < 12; chain++) {
      await checkpointer.save(whole);
      whole = next(await saveNext(checkpointer, whole), { writer: `writer ${chain}` });
    }
    await server.cli("config", "resetstat");
    for await (const { sequence } of checkpointer.history("factory", "r1")) {
      assertEquals(sequence, 23);
      break;
    }
    const reads = (await server.calls()).get("get") ?? 0;
    assert(reads >= 1 && reads <= 5, `${reads} whole checkpoints were read`);
  });
});
