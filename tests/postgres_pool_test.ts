import { assert, assertEquals } from "@std/assert";
// @ts-types="npm:@types/pg@8.23.1"
import pg from "npm:pg@8.23.1";
import { PostgresCheckpointer } from "../backends/postgres.ts";
import { definePipeline, END, unchecked } from "../mod.ts";
import { DRIVERS, OWN_OR_NODE_POOL } from "./postgres_probes.ts";
import { record } from "./probe_record.ts";
import { startPostgres } from "./servers/postgres.ts";
import { assertStored } from "./suite/checks.ts";

const server = await startPostgres();

/** How many connections to a database there are. */
async function connectionsTo(database: string): Promise<number> {
  const [row] = await server.query(
    `SELECT count(*)::int AS connections FROM pg_stat_activity WHERE datname = '${database}'`,
  );
  return Number(row?.connections);
}

Deno.test("200 runs at once share 3 connections, and none is left behind", async () => {
  await using database = await server.createDatabase();
  const steps = 10;
  const stepsDone = Array.from({ length: 200 }, () => 0);
  let mostConnections = 0;
  let isOver = false;
  {
    await using probe = await OWN_OR_NODE_POOL.open(database.dsn, { poolSize: 3 });
    const pipeline = definePipeline({
      name: "crowd",
      state: unchecked<{ run: number; step: number }>(),
      nodes: {
        work: ({ run, step }) => {
          stepsDone[run] = step + 1;
          return { step: step + 1 };
        },
      },
      start: "work",
      edges: { work: ({ step }) => step < steps ? "work" : END },
    }, { checkpointer: probe.checkpointer });
    const watching = (async () => {
      while (!isOver) {
        mostConnections = Math.max(mostConnections, await connectionsTo(database.name));
      }
    })();
    // What the slowest run had done when the first one was through.
    let slowest: number | undefined;
    const results = await Promise.all(stepsDone.map(async (_, run) => {
      const result = await pipeline.invoke({ run, step: 0 }, { runId: `run ${run}` });
      slowest ??= Math.min(...stepsDone);
      return result;
    }));
    isOver = true;
    await watching;
    assertEquals(
      results.map(({ status, state }) => [status, state.step]),
      results.map(() => ["completed", steps]),
    );
    assert(slowest !== undefined && slowest >= steps / 2, `a run waits at step ${slowest}`);
    assert(mostConnections >= 1 && mostConnections <= 3, `${mostConnections} connections`);
  }
  assertEquals(await sessionsAfterClosing(database.name), 0);
});

/** The server ends a session a moment after its client has left. */
async function sessionsAfterClosing(database: string): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    if (await connectionsTo(database) === 0) return 0;
  }
  return await connectionsTo(database);
}

for (const { name, ignore, ownsConnections, open } of DRIVERS) {
  const options = { ignore: ignore !== undefined };
  const behaviour = ownsConnections
    ? `${name}: disposing closes the connections that were opened`
    : `${name}: disposing leaves the caller's client as it is`;

  Deno.test(behaviour, options, async () => {
    await using database = await server.createDatabase();
    {
      await using probe = await open(database.dsn);
      await probe.checkpointer.save(record(0));
      assert(await connectionsTo(database.name) > 0);
      await probe.checkpointer[Symbol.asyncDispose]();
      if (ownsConnections) assertEquals(await sessionsAfterClosing(database.name), 0);
      else assert(await connectionsTo(database.name) > 0);
    }
    assertEquals(await sessionsAfterClosing(database.name), 0);
  });

  Deno.test(`${name}: disposing waits for what is under way`, options, async () => {
    await using database = await server.createDatabase();
    await using probe = await open(database.dsn, { poolSize: 2 });
    await probe.checkpointer.save(record(0));
    const saving = Array.from(
      { length: 10 },
      (_, run) => probe.checkpointer.save(record(0, { runId: `run ${run}` })),
    );
    const disposing = probe.checkpointer[Symbol.asyncDispose]();
    const outcomes = await Promise.allSettled(saving);
    await disposing;
    const saved = outcomes.filter(({ status }) => status === "fulfilled").length;
    const [row] = await database.query("SELECT count(*)::int AS rows FROM firefly_checkpoints");
    assertEquals(row?.rows, saved + 1);
  });
}

Deno.test("every statement may run in another session, as behind a transaction pooler", async () => {
  await using database = await server.createDatabase();
  const sessions = [0, 1, 2].map(() => new pg.Client({ connectionString: database.dsn }));
  await Promise.all(sessions.map((session) => session.connect()));
  let statements = 0;
  let last = Promise.resolve();
  const client = {
    query(text: string): Promise<{ readonly rows: readonly unknown[] }> {
      const session = sessions[statements++ % sessions.length];
      assert(session !== undefined);
      const answer = last.then(() => session.query(text));
      // As the pooler leaves it to the next one.
      last = answer.then(() => session.query("DISCARD ALL"), () => {}).then(() => {});
      return answer;
    },
  };
  try {
    const checkpointers = [0, 1].map(() => new PostgresCheckpointer({ client }));
    for (let sequence = 0; sequence < 10; sequence++) {
      const checkpointer = checkpointers[sequence % checkpointers.length];
      assert(checkpointer !== undefined);
      await checkpointer.save(record(sequence));
      await assertStored(checkpointer, [
        record(sequence),
        ...Array.from({ length: sequence }, (_, index) => record(sequence - 1 - index)),
      ]);
      assertEquals((await Array.fromAsync(checkpointer.listRuns("factory"))).length, 1);
    }
    const locks = await database.query("SELECT * FROM pg_locks WHERE locktype = 'advisory'");
    assertEquals(locks, []);
  } finally {
    await Promise.all(sessions.map((session) => session.end()));
  }
});
