import { assert, assertEquals } from "@std/assert";
import { record } from "./probe_record.ts";
import { onEmpty } from "./redis_probes.ts";
import { startRedis } from "./servers/redis.ts";
import { inParallel } from "./suite/parallel.ts";

const server = await startRedis();
const withStore = onEmpty(server);
const RUNS = "firefly:ckpt:factory:runs";

function names(count: number): readonly string[] {
  return Array.from({ length: count }, (_, run) => `run ${run}`);
}

Deno.test("a run that somebody goes on with while runs are listed is not missed", async () => {
  await withStore({}, async (checkpointer) => {
    const ids = names(450);
    for (const runId of ids) await checkpointer.save(record(0, { runId }));
    const met: string[] = [];
    for await (const { runId } of checkpointer.listRuns("factory")) {
      // The oldest are saved again before the listing has come to them.
      if (met.length < 30) await checkpointer.save(record(1, { runId: `run ${met.length}` }));
      met.push(runId);
    }
    assertEquals(met.toSorted(), ids.toSorted());
  });
});

Deno.test("runs that were saved at the same time are all listed, each once", async () => {
  await withStore({}, async (checkpointer) => {
    const ids = names(700);
    await inParallel(ids, (runId) => checkpointer.save(record(0, { runId })));
    const same = ids.slice(0, 500).flatMap((runId) => ["5", runId.replace(" ", "%20")]);
    await server.cli("zadd", RUNS, ...same);
    const listed = await Array.fromAsync(checkpointer.listRuns("factory"));
    assertEquals(listed.map(({ runId }) => runId).toSorted(), ids.toSorted());
  });
});

Deno.test("runs that are gone take no place in what the limit allows", async () => {
  await withStore({}, async (checkpointer) => {
    for (const runId of names(10)) await checkpointer.save(record(0, { runId }));
    for (const run of [9, 7]) await server.cli("del", `firefly:ckpt:factory:run%20${run}:index`);
    const listed = await Array.fromAsync(checkpointer.listRuns("factory", { limit: 3 }));
    assertEquals(listed.map(({ runId }) => runId), ["run 8", "run 6", "run 5"]);
    assertEquals(await server.cli("zcard", RUNS), "8");
  });
});

Deno.test("a run that begins anew while it is found to be gone stays", async () => {
  await withStore({}, async (checkpointer) => {
    for (let round = 0; round < 20; round++) {
      await checkpointer.save(record(round));
      await server.cli("del", "firefly:ckpt:factory:r1:index");
      const listing = Array.fromAsync(checkpointer.listRuns("factory"));
      const saving = checkpointer.save(record(0, { writer: `other ${round}` }));
      await Promise.all([listing, saving]);
      const listed = await Array.fromAsync(checkpointer.listRuns("factory"));
      assertEquals(listed.map(({ runId }) => runId), ["r1"]);
      assert(Number(await server.cli("zscore", RUNS, "r1")) > 0);
      await checkpointer.deleteRun("factory", "r1");
    }
  });
});
