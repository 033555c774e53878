import { assert, assertEquals, assertRejects } from "@std/assert";
import { PostgresError } from "../backends/postgres.ts";
import { CheckpointSaveError } from "../mod.ts";
import { assertUndisturbed, counting, disturbAt } from "./disturbed_runs.ts";
import { RECONNECTING } from "./postgres_probes.ts";
import { record } from "./probe_record.ts";
import { startPostgres } from "./servers/postgres.ts";
import { FaultyProxy } from "./servers/proxy.ts";
import { assertRefused, assertStored, sequences } from "./suite/checks.ts";

const server = await startPostgres();

/** Ends all connections to a database, as an administrator may. */
async function terminate(database: string): Promise<void> {
  await server.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database}'`,
  );
}

for (const { name, ignore, open } of RECONNECTING) {
  const options = { ignore: ignore !== undefined };

  Deno.test(`${name}: connections that end between saves are replaced`, options, async () => {
    await using database = await server.createDatabase();
    await using probe = await open(database.dsn);
    const { checkpointer } = probe;
    for (let sequence = 0; sequence < 20; sequence++) {
      await checkpointer.save(record(sequence));
      await terminate(database.name);
      if (sequence % 2 === 0) await checkpointer.loadLatest("factory", "r1");
    }
    const history = await Array.fromAsync(checkpointer.history("factory", "r1"));
    assertEquals(sequences(history), Array.from({ length: 20 }, (_, index) => 19 - index));
  });

  Deno.test(
    `${name}: connections that end during saves cost no run anything`,
    options,
    async () => {
      await using database = await server.createDatabase();
      await using probe = await open(database.dsn);
      const saves = Array.from({ length: 40 }, (_, index) => 10 * (index + 1));
      await using disturbance = disturbAt(saves, () => terminate(database.name));
      await assertUndisturbed(probe.checkpointer, 10, 40, disturbance.count);
    },
  );

  Deno.test(
    `${name}: a server that stops and starts under 50 runs loses nothing`,
    options,
    async () => {
      await using database = await server.createDatabase();
      await using probe = await open(database.dsn);
      await using disturbance = disturbAt([200, 600], async (index) => {
        await (index === 0 ? server.stop() : server.kill());
        await server.start();
      });
      await assertUndisturbed(probe.checkpointer, 50, 20, disturbance.count);
    },
  );

  Deno.test(
    `${name}: a server that stays away fails the call, and the run can go on`,
    options,
    async () => {
      await using database = await server.createDatabase();
      await using probe = await open(database.dsn, { retryForMs: 0 });
      const { checkpointer } = probe;
      const failing = counting(checkpointer, 5, {
        run: async ({ count }) => {
          if (count === 2) await server.stop();
        },
      });
      try {
        const error = await assertRejects(
          () => failing.pipeline.invoke({ count: 0 }, { runId: "r" }),
          CheckpointSaveError,
        );
        assert(error instanceof CheckpointSaveError);
        assert(error.cause instanceof PostgresError, String(error.cause));
        assert(error.cause.cause instanceof Error);
        assertEquals(error.lastSequence, 2);
        await assertRejects(() => checkpointer.loadLatest("counting", "r"), PostgresError);
      } finally {
        await server.start();
      }
      const { pipeline, ran } = counting(checkpointer, 5);
      const result = await pipeline.resume("r");
      assertEquals([result.status, result.state.count], ["completed", 5]);
      // The third was done, but could not be stored.
      assertEquals(ran.map((taskId) => taskId === failing.ran[2]), [true, false, false]);
    },
  );

  Deno.test(
    `${name}: a save whose answer was lost is repeated without a conflict`,
    options,
    async () => {
      await using database = await server.createDatabase();
      await using proxy = new FaultyProxy(server.port);
      await using probe = await open(server.dsn(database.name, proxy.port), { poolSize: 1 });
      const { checkpointer } = probe;
      await checkpointer.save(record(0));
      for (let sequence = 1; sequence <= 5; sequence++) {
        const swallowed = proxy.swallowAnswerTo("INSERT INTO");
        await checkpointer.save(record(sequence));
        await swallowed;
      }
      const saved = [5, 4, 3, 2, 1, 0].map((sequence) => record(sequence));
      await assertStored(checkpointer, [record(5), ...saved.slice(1)]);
    },
  );

  Deno.test(
    `${name}: a save whose answer was lost conflicts with who went on since`,
    options,
    async () => {
      await using database = await server.createDatabase();
      await using proxy = new FaultyProxy(server.port);
      await using probe = await open(server.dsn(database.name, proxy.port), { poolSize: 1 });
      await using rival = await open(database.dsn);
      await probe.checkpointer.save(record(0));
      const swallowed = proxy.swallowAnswerTo("INSERT INTO");
      proxy.refuses = true;
      await Promise.all([
        assertRefused(probe.checkpointer, record(1)),
        swallowed.then(async () => {
          await rival.checkpointer.save(record(2, { writer: "w2" }));
          proxy.refuses = false;
        }),
      ]);
      await assertStored(rival.checkpointer, [record(2, { writer: "w2" }), record(1), record(0)]);
    },
  );

  Deno.test(
    `${name}: a save that never arrived conflicts with who was quicker`,
    options,
    async () => {
      await using database = await server.createDatabase();
      await using proxy = new FaultyProxy(server.port);
      await using probe = await open(server.dsn(database.name, proxy.port), { poolSize: 1 });
      await using rival = await open(database.dsn);
      await probe.checkpointer.save(record(0));
      const theirs = record(1, { writer: "w2" });
      proxy.cutAfter(10);
      proxy.refuses = true;
      await Promise.all([
        assertRefused(probe.checkpointer, record(1)),
        rival.checkpointer.save(theirs).then(() => proxy.refuses = false),
      ]);
      await assertStored(rival.checkpointer, [theirs, record(0)]);
    },
  );

  Deno.test(`${name}: a connection may be cut at any byte of a save`, options, async () => {
    await using database = await server.createDatabase();
    await using proxy = new FaultyProxy(server.port);
    await using probe = await open(server.dsn(database.name, proxy.port), { poolSize: 1 });
    const { checkpointer } = probe;
    const bytes = [0, 1, 4, 5, 6, 50, 100, 200, 400, 800, 1_200];
    await checkpointer.save(record(0));
    for (const [index, count] of bytes.entries()) {
      proxy.cutAfter(count);
      await checkpointer.save(record(index + 1));
    }
    const history = await Array.fromAsync(checkpointer.history("factory", "r1"));
    assertEquals(sequences(history), Array.from(history, (_, index) => bytes.length - index));
  });

  Deno.test(`${name}: a table whose making was not answered is used`, options, async () => {
    await using database = await server.createDatabase();
    await using proxy = new FaultyProxy(server.port);
    await using probe = await open(server.dsn(database.name, proxy.port), { poolSize: 1 });
    const swallowed = proxy.swallowAnswerTo("CREATE TABLE");
    await probe.checkpointer.save(record(0));
    await swallowed;
    await assertStored(probe.checkpointer, [record(0)]);
  });
}
