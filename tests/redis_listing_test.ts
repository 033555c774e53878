import { assert, assertEquals } from "@std/assert";
import { record } from "./probe_record.ts";
import { onEmpty } from "./redis_probes.ts";
import { startRedis } from "./servers/redis.ts";
import { changeBetween } from "../pipeline/change.ts";
import type { JsonObject } from "../pipeline/json.ts";
import { inParallel } from "./suite/parallel.ts";
import { following, manyItems, pausedRecord, withField } from "./suite/samples.ts";

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

/** A state that is stored whole, or as changes. */
const STATES: readonly JsonObject[] = [{ count: 0 }, { pad: manyItems("pad"), count: 0 }];

Deno.test("a list tells what a load does, and reads no record where no run waits for anybody", async () => {
  await withStore({}, async (checkpointer) => {
    for (const [index, state] of STATES.entries()) {
      for (
        const [name, more] of [["running", {}], ["of no lease", { leaseMs: undefined }]] as const
      ) {
        const first = record(0, {
          runId: `${name}: ${index} % ü`,
          state,
          leaseMs: 30_000,
          ...more,
        });
        await checkpointer.save(first);
        const second = following(first, { state: withField(state, "count", 1), nodeId: "tester" });
        await checkpointer.save(second, changeBetween(first, second));
        const last = following(second, { state: withField(state, "count", 2), status: "failed" });
        if (name === "of no lease") await checkpointer.save(last, changeBetween(second, last));
      }
    }
    await server.cli("config", "resetstat");
    const listed = await Array.fromAsync(checkpointer.listRuns("factory"));
    const calls = await server.calls();
    assertEquals([calls.get("get"), calls.get("lindex")], [undefined, undefined]);
    assertEquals(listed.length, 2 * STATES.length);
    for (const { pauses, idleMs, ...told } of listed) {
      assertEquals(pauses, []);
      assert(idleMs !== undefined && idleMs >= 0 && idleMs < 60_000, `idle for ${idleMs} ms`);
      const loaded = await checkpointer.loadLatest("factory", told.runId);
      assert(loaded !== undefined);
      const { pipelineName, runId, status, sequence, nodeId, savedAt, leaseMs } = loaded;
      assertEquals(told, { pipelineName, runId, status, sequence, nodeId, savedAt, leaseMs });
    }
  });
});

Deno.test("a list reads the records of runs of which the index does not tell all", async () => {
  await withStore({}, async (checkpointer) => {
    const unusual = [
      record(0, { ...pausedRecord(), pipelineName: "factory", runId: "paused", sequence: 0 }),
      record(0, { runId: "by a node of two words", nodeId: "two words" }),
      record(0, { runId: "at no time", savedAt: "soon enough" }),
      record(0, { runId: "\ud800 alone" }),
      record(0, { runId: "long ".repeat(1_000) }),
    ];
    for (const one of unusual) await checkpointer.save(one);
    const listed = await Array.fromAsync(checkpointer.listRuns("factory"));
    const told = new Map(listed.map((run) => [run.runId, run]));
    for (const { runId, nodeId, savedAt, status, pendingEdges } of unusual) {
      const run = told.get(runId);
      assertEquals([run?.nodeId, run?.savedAt, run?.status], [nodeId, savedAt, status]);
      const pauses = pendingEdges.filter(({ pause }) => pause !== undefined);
      assertEquals(run?.pauses.length, pauses.length);
    }
  });
});

Deno.test("a run whose latest checkpoint somebody removed is not listed, nor one whose changes are gone", async () => {
  await withStore({}, async (checkpointer) => {
    for (const [index, state] of STATES.entries()) {
      const first = record(0, { runId: `run-${index}`, state });
      await checkpointer.save(first);
      const second = following(first, { state: withField(state, "count", 1) });
      await checkpointer.save(second, changeBetween(first, second));
    }
    await server.cli("del", "firefly:ckpt:factory:run-0:000001_deployer");
    await server.cli("del", "firefly:ckpt:factory:run-1:changes:0");
    assertEquals(await Array.fromAsync(checkpointer.listRuns("factory")), []);
  });
});

Deno.test("runs of a pipeline are not told as another one's whose name is like their keys", async () => {
  await withStore({}, async (checkpointer) => {
    await checkpointer.save(record(0, { pipelineName: "two words" }));
    assertEquals(await Array.fromAsync(checkpointer.listRuns("two%20words")), []);
    const [listed, ...others] = await Array.fromAsync(checkpointer.listRuns("two words"));
    assertEquals([listed?.pipelineName, listed?.runId, others], ["two words", "r1", []]);
  });
});
