import { assert, assertEquals, assertRejects } from "@std/assert";
import { RedisError } from "../backends/redis.ts";
import { counting, disturbAt } from "./disturbed_runs.ts";
import { faultSuite } from "./fault_suite.ts";
import { record } from "./probe_record.ts";
import { DRIVERS } from "./redis_probes.ts";
import { REDIS, startRedis } from "./servers/redis.ts";
import { assertStored } from "./suite/checks.ts";

// It keeps what it was told when it is stopped or killed.
const server = await startRedis(REDIS, "--appendonly", "yes");

for (const { name, ignore, isPatient, open } of DRIVERS) {
  faultSuite(name, {
    ...(ignore !== undefined && { ignore }),
    ...(isPatient !== undefined && { isPatient }),
    server,
    savesWith: "evalsha",
    errorClass: RedisError,
    async open() {
      await server.cli("flushall");
      return {
        open: (options, port) => open(server.url(0, port), options),
        endConnections: async () => void await server.cli("client", "kill", "type", "normal"),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      };
    },
  });

  const test = (behaviour: string, fn: () => Promise<void>) =>
    Deno.test(`${name}: ${behaviour}`, { ignore: ignore !== undefined }, async () => {
      await server.cli("flushall");
      await fn();
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

  test("a server that says nothing counts as lost", async () => {
    await using probe = await open(server.url(), { retryForMs: 0, timeoutMs: 100 });
    await probe.checkpointer.save(record(0));
    await server.cli("client", "pause", "3000", "all");
    const error = await assertRejects(() => probe.checkpointer.save(record(1)), RedisError);
    await server.cli("client", "unpause");
    assert(error instanceof RedisError && error.cause instanceof Deno.errors.TimedOut);
    await probe.checkpointer.save(record(1));
    await assertStored(probe.checkpointer, [record(1), record(0)]);
  });
}
