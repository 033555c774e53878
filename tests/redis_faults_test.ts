import { assert, assertEquals, assertRejects } from "@std/assert";
import { RedisError } from "../backends/redis.ts";
import { type Checkpointer, CheckpointSaveError } from "../mod.ts";
import { assertUndisturbed, counting, disturbAt } from "./disturbed_runs.ts";
import { record } from "./probe_record.ts";
import { DRIVERS } from "./redis_probes.ts";
import { REDIS, startRedis } from "./servers/redis.ts";
import { FaultyProxy } from "./servers/proxy.ts";
import { assertRefused, assertStored, sequences } from "./suite/checks.ts";

// It keeps what it was told when it is stopped or killed.
const server = await startRedis(REDIS, "--appendonly", "yes");

/** Ends all connections, as an administrator may. */
async function killClients(): Promise<void> {
  await server.cli("client", "kill", "type", "normal");
}

/** A client of the caller's connects again in its own time. */
async function untilAnswered(checkpointer: Checkpointer): Promise<void> {
  for (let left = 20;; left--) {
    try {
      return void await checkpointer.loadLatest("factory", "r1");
    } catch (error) {
      if (left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

for (const { name, ignore, open } of DRIVERS) {
  const test = (behaviour: string, fn: () => Promise<void>) =>
    Deno.test({
      name: `${name}: ${behaviour}`,
      ignore: ignore !== undefined,
      async fn() {
        try {
          await fn();
        } finally {
          await server.cli("flushall");
        }
      },
    });

  test("connections that end between saves are replaced", async () => {
    await using probe = await open(server.url());
    const { checkpointer } = probe;
    for (let sequence = 0; sequence < 20; sequence++) {
      await checkpointer.save(record(sequence));
      await killClients();
      if (sequence % 2 === 0) await checkpointer.loadLatest("factory", "r1");
    }
    const history = await Array.fromAsync(checkpointer.history("factory", "r1"));
    assertEquals(sequences(history), Array.from({ length: 20 }, (_, index) => 19 - index));
  });

  test("connections that end during saves cost no run anything", async () => {
    await using probe = await open(server.url());
    const saves = Array.from({ length: 20 }, (_, index) => 20 * (index + 1));
    await using disturbance = disturbAt(saves, killClients);
    await assertUndisturbed(probe.checkpointer, 10, 40, disturbance.count);
  });

  test("a server that stops and starts under 50 runs loses nothing", async () => {
    await using probe = await open(server.url());
    await using disturbance = disturbAt([200, 600], async (index) => {
      await (index === 0 ? server.stop() : server.kill());
      await server.start();
    });
    await assertUndisturbed(probe.checkpointer, 50, 20, disturbance.count);
  });

  test("a server that forgets all it was told stops no run", async () => {
    await using forgetful = await startRedis();
    await using probe = await open(forgetful.url());
    await using disturbance = disturbAt([200, 600], async () => {
      await forgetful.kill();
      await forgetful.start();
    });
    const { pipeline, ran } = counting(probe.checkpointer, 20, { onSaved: disturbance.count });
    const runIds = Array.from({ length: 50 }, (_, index) => `run ${index}`);
    const results = await Promise.all(
      runIds.map((runId) => pipeline.invoke({ count: 0 }, { runId })),
    );
    assertEquals(
      results.map(({ status, state }) => [status, state.count]),
      results.map(() => ["completed", 20]),
    );
    assertEquals(ran.length, 50 * 20);
    // Those that ended before it forgot are forgotten; the others are whole again.
    for await (const { status } of pipeline.listRuns()) assertEquals(status, "completed");
  });

  test("scripts that the server forgot are told again", async () => {
    await using probe = await open(server.url());
    const { checkpointer } = probe;
    for (let sequence = 0; sequence < 5; sequence++) {
      await checkpointer.save(record(sequence));
      await server.cli("script", "flush");
      assertEquals((await checkpointer.loadLatest("factory", "r1"))?.sequence, sequence);
    }
    await server.cli("script", "flush");
    await Promise.all(
      Array.from({ length: 50 }, (_, run) => checkpointer.save(record(0, { runId: `run ${run}` }))),
    );
    assertEquals((await Array.fromAsync(checkpointer.listRuns("factory"))).length, 51);
  });

  test("a server that stays away fails the call, and the run can go on", async () => {
    await using probe = await open(server.url(), { retryForMs: 0, timeoutMs: 500 });
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
      assert(error.cause instanceof RedisError, String(error.cause));
      assert(error.cause.cause instanceof Error);
      assertEquals(error.lastSequence, 2);
      await assertRejects(() => checkpointer.loadLatest("counting", "r"), RedisError);
    } finally {
      await server.start();
    }
    await untilAnswered(checkpointer);
    const { pipeline, ran } = counting(checkpointer, 5);
    const result = await pipeline.resume("r");
    assertEquals([result.status, result.state.count], ["completed", 5]);
    // The third was done; its save arrives later where the client waits longer than we do.
    assertEquals(ran.filter((taskId) => failing.ran.slice(0, 2).includes(taskId)), []);
  });

  test("a save whose answer was lost is repeated without a conflict", async () => {
    await using proxy = new FaultyProxy(server.port);
    await using probe = await open(server.url(0, proxy.port));
    const { checkpointer } = probe;
    await checkpointer.save(record(0));
    for (let sequence = 1; sequence <= 5; sequence++) {
      const swallowed = proxy.swallowAnswerTo("evalsha");
      await checkpointer.save(record(sequence));
      await swallowed;
    }
    const saved = [4, 3, 2, 1, 0].map((sequence) => record(sequence));
    await assertStored(checkpointer, [record(5), ...saved]);
  });

  test("a save whose answer was lost conflicts with who went on since", async () => {
    await using proxy = new FaultyProxy(server.port);
    await using probe = await open(server.url(0, proxy.port));
    await using rival = await open(server.url());
    await probe.checkpointer.save(record(0));
    const swallowed = proxy.swallowAnswerTo("evalsha");
    proxy.refuses = true;
    await Promise.all([
      assertRefused(probe.checkpointer, record(1)),
      swallowed.then(async () => {
        await rival.checkpointer.save(record(2, { writer: "w2" }));
        proxy.refuses = false;
      }),
    ]);
    await assertStored(rival.checkpointer, [record(2, { writer: "w2" }), record(1), record(0)]);
  });

  test("a save that never arrived conflicts with who was quicker", async () => {
    await using proxy = new FaultyProxy(server.port);
    await using probe = await open(server.url(0, proxy.port));
    await using rival = await open(server.url());
    await probe.checkpointer.save(record(0));
    const theirs = record(1, { writer: "w2" });
    proxy.cutAfter(10);
    proxy.refuses = true;
    await Promise.all([
      assertRefused(probe.checkpointer, record(1)),
      rival.checkpointer.save(theirs).then(() => proxy.refuses = false),
    ]);
    await assertStored(rival.checkpointer, [theirs, record(0)]);
  });

  test("a connection may be cut at any byte of a save", async () => {
    await using proxy = new FaultyProxy(server.port);
    await using probe = await open(server.url(0, proxy.port));
    const { checkpointer } = probe;
    const bytes = [0, 1, 4, 5, 6, 50, 100, 200, 400, 500];
    await checkpointer.save(record(0));
    for (const [index, count] of bytes.entries()) {
      proxy.cutAfter(count);
      await checkpointer.save(record(index + 1));
    }
    const history = await Array.fromAsync(checkpointer.history("factory", "r1"));
    assertEquals(sequences(history), Array.from(history, (_, index) => bytes.length - index));
  });

  test("a server that says nothing counts as lost", async () => {
    await using probe = await open(server.url(), { timeoutMs: 100 });
    await probe.checkpointer.save(record(0));
    await server.cli("client", "pause", "400", "all");
    await probe.checkpointer.save(record(1));
    await server.cli("client", "unpause");
    await assertStored(probe.checkpointer, [record(1), record(0)]);
  });
}
