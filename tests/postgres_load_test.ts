import { assert, assertEquals, assertRejects } from "@std/assert";
import { PostgresCheckpointer } from "../backends/postgres.ts";
import type { CheckpointRecord } from "../mod.ts";
import { changeBetween } from "../pipeline/change.ts";
import { NODE_POOL } from "./postgres_probes.ts";
import { connect } from "./servers/database.ts";
import { startPostgres } from "./servers/postgres.ts";
import { assertRecord } from "./suite/checks.ts";
import { following, makeRecord, manyItems, withField } from "./suite/samples.ts";

const server = await startPostgres();
const FIRST = makeRecord({ state: { pad: manyItems("pad"), count: 0 } });
const { pipelineName, runId } = FIRST;

/** Loads a run for the first time, whose latest checkpoint is a change, and has something happen on the way. */
async function loadDuring(
  happening: (store: PostgresCheckpointer, last: CheckpointRecord) => Promise<unknown>,
) {
  await using database = await server.createDatabase();
  await using connection = await connect(database);
  const { client } = connection;
  const store = new PostgresCheckpointer({ client });
  await store.save(FIRST);
  const last = count(FIRST);
  await store.save(last, changeBetween(FIRST, last));
  let isMet = false;
  const loading = new PostgresCheckpointer({
    client: {
      async query(text: string) {
        const result = await client.query(text);
        if (!text.includes("ORDER BY sequence DESC LIMIT 1") || isMet) return result;
        isMet = true;
        await happening(store, last);
        return result;
      },
    },
  });
  return await loading.loadLatest(pipelineName, runId);
}

Deno.test("a time is read as it was saved, however the server writes times", async () => {
  await using database = await server.createDatabase();
  await database.query(`ALTER DATABASE ${database.name} SET timezone = 'Asia/Kolkata'`);
  await database.query(`ALTER DATABASE ${database.name} SET datestyle = 'German'`);
  await using probe = await NODE_POOL.open(database.dsn);
  const { checkpointer } = probe;
  for (const savedAt of ["2026-02-03T23:59:59.999Z", "1999-12-31T20:00:00.000Z"]) {
    await checkpointer.save({ ...FIRST, runId: savedAt, savedAt });
    assertEquals((await checkpointer.loadLatest(pipelineName, savedAt))?.savedAt, savedAt);
  }
  const listed = await Array.fromAsync(checkpointer.listRuns(pipelineName));
  assertEquals(listed.length, 2);
  for (const { runId, savedAt } of listed) assertEquals(savedAt, runId);
});

Deno.test("a run that goes on and sheds its past while it is loaded is loaded where it stands", async () => {
  const loaded = await loadDuring(async (store, last) => {
    const whole = { ...count(last), writer: "other" };
    await store.save(whole);
    await store.trim(pipelineName, runId, whole.sequence);
  });
  assertEquals([loaded?.sequence, loaded?.state.count, loaded?.writer], [2, 2, "other"]);
});

Deno.test("a run that is begun anew while it is loaded is loaded as the new one", async () => {
  const loaded = await loadDuring(async (store) => {
    await store.deleteRun(pipelineName, runId);
    const first = { ...FIRST, writer: "other", state: { ...FIRST.state, count: 10 } };
    await store.save(first);
    const next = count(first);
    await store.save(next, changeBetween(first, next));
  });
  assertEquals([loaded?.sequence, loaded?.state.count, loaded?.writer], [1, 11, "other"]);
});

Deno.test("a run that is deleted while it is loaded is not there", async () => {
  const loaded = await loadDuring((store) => store.deleteRun(pipelineName, runId));
  assertEquals(loaded, undefined);
});

Deno.test("a run that goes on, sheds its past and is begun anew is loaded as it stood at some moment", async () => {
  await using database = await server.createDatabase();
  await using saving = await NODE_POOL.open(database.dsn);
  await using loading = await NODE_POOL.open(database.dsn);
  await saving.checkpointer.save({ ...FIRST, writer: "life 0" });
  let isOver = false;
  const live = async (writer: string) => {
    let last: CheckpointRecord = { ...FIRST, writer };
    await saving.checkpointer.save(last);
    for (let step = 1; step <= 40; step++) {
      const next = count(last);
      // Every tenth is whole, so that there is a past to be shed.
      await saving.checkpointer.save(next, step % 10 > 0 ? changeBetween(last, next) : undefined);
      if (step % 10 === 0) await saving.checkpointer.trim(pipelineName, runId, next.sequence);
      last = next;
    }
  };
  const living = async () => {
    for (let life = 1; life <= 10; life++) {
      await saving.checkpointer.deleteRun(pipelineName, runId);
      await live(`life ${life}`);
    }
    isOver = true;
  };
  const seen = new Set<string>();
  const watching = async () => {
    while (!isOver) {
      const loaded = await loading.checkpointer.loadLatest(pipelineName, runId);
      if (loaded === undefined) continue;
      assertEquals(loaded.state, withField(FIRST.state, "count", loaded.sequence));
      seen.add(`${loaded.writer} ${loaded.sequence}`);
    }
  };
  await Promise.all([living(), watching(), watching()]);
  assert(seen.size > 20, `${seen.size} checkpoints were seen`);
});

Deno.test("a whole checkpoint that took a change's place begins what is loaded", async () => {
  await using database = await server.createDatabase();
  await using probe = await NODE_POOL.open(database.dsn);
  await using other = await NODE_POOL.open(database.dsn);
  const second = count(FIRST);
  const third = count(second);
  await probe.checkpointer.save(FIRST);
  await probe.checkpointer.save(second, changeBetween(FIRST, second));
  await other.checkpointer.save(second);
  await probe.checkpointer.save(third, changeBetween(second, third));
  const latest = await probe.checkpointer.loadLatest(pipelineName, runId);
  assertEquals([latest?.sequence, latest?.state.count], [2, 2]);
});

Deno.test("a run whose whole checkpoint is gone is told as damaged", async () => {
  await using database = await server.createDatabase();
  await using probe = await NODE_POOL.open(database.dsn);
  await probe.checkpointer.save(FIRST);
  const last = count(FIRST);
  await probe.checkpointer.save(last, changeBetween(FIRST, last));
  await database.query("DELETE FROM firefly_checkpoints WHERE sequence = 0");
  for (let loads = 0; loads < 10; loads++) {
    await assertRejects(
      () => probe.checkpointer.loadLatest(pipelineName, runId),
      TypeError,
      "the whole checkpoint is gone that checkpoint 1 is a change of",
    );
  }
});

for (
  const { kind, text, prepare, mostRows, statements } of [
    { kind: "small", text: "x".repeat(20), prepare: true, mostRows: 34, statements: 1 },
    { kind: "small", text: "x".repeat(20), prepare: false, mostRows: 34, statements: 2 },
    { kind: "large", text: "x".repeat(300), prepare: true, mostRows: 300, statements: 2 },
    { kind: "large", text: "x".repeat(300), prepare: false, mostRows: 300, statements: 2 },
  ]
) {
  Deno.test(`a run of 300 ${kind} changes comes back at each of them, with \`prepare: ${prepare}\``, async () => {
    await using database = await server.createDatabase();
    await using probe = await NODE_POOL.open(database.dsn);
    await using connection = await connect(database);
    let [read, asked] = [0, 0];
    const loading = new PostgresCheckpointer({
      prepare,
      client: {
        async query(sql: string) {
          const { rows } = await connection.client.query(sql);
          asked++;
          read = rows.length;
          return { rows };
        },
      },
    });
    const records = [FIRST];
    await probe.checkpointer.save(FIRST);
    for (let step = 1; step <= 300; step++) {
      const last = records.at(-1) ?? FIRST;
      const next = logged(count(last), step, text);
      await probe.checkpointer.save(next, changeBetween(last, next));
      records.push(next);
      // Sessions have been told all that they keep by then.
      if (step === 200) asked = 0;
      assertRecord(await loading.loadLatest(pipelineName, runId), next);
      assert(read <= mostRows, `${read} rows at step ${step}`);
    }
    assertEquals(asked, statements * 101);
    const history = await Array.fromAsync(loading.history(pipelineName, runId));
    assertEquals(history.length, records.length);
    for (const [index, record] of records.toReversed().entries()) {
      assertRecord(history[index], record);
    }
    const bases = await database.query("SELECT DISTINCT base_sequence FROM firefly_checkpoints");
    assertEquals(bases.length, 2);
  });
}

for (
  const [became, sql] of [
    ["is gone", "DELETE FROM firefly_checkpoints WHERE sequence = 16"],
    ["is another writer's", "UPDATE firefly_checkpoints SET writer = 'other' WHERE sequence = 16"],
  ] as const
) {
  Deno.test(`a run is told as damaged where a change that stands for several ${became}`, async () => {
    await using database = await server.createDatabase();
    await using probe = await NODE_POOL.open(database.dsn);
    await probe.checkpointer.save(FIRST);
    let last = FIRST;
    for (let step = 1; step <= 40; step++) {
      const next = count(last);
      await probe.checkpointer.save(next, changeBetween(last, next));
      last = next;
    }
    await database.query(sql);
    // Sessions are soon told what a load asks.
    for (let loads = 0; loads < 10; loads++) {
      await assertRejects(
        () => probe.checkpointer.loadLatest(pipelineName, runId),
        TypeError,
        "checkpoint 32 is a change of checkpoint 16",
      );
    }
  });
}

/** A record with one more item in its list, and every ninth time without a field that it had. */
function logged(record: CheckpointRecord, step: number, text: string): CheckpointRecord {
  const { log = [], odd: _, ...state } = record.state;
  const list = Array.isArray(log) ? log : [];
  const begun = step % 50 === 0 ? [] : [...list, text];
  return { ...record, state: { ...state, log: begun, ...step % 9 > 0 && { odd: step } } };
}

/** What a step that counts leaves after a record. */
function count(record: CheckpointRecord): CheckpointRecord {
  const { state } = record;
  return following(record, { state: withField(state, "count", Number(state.count) + 1) });
}
