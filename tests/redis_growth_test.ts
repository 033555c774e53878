import { assert, assertEquals } from "@std/assert";
import { GROWING_STEPS, growingRun, heavyRun, WIDE_RUNS, wideRun } from "./growth.ts";
import { onEmpty, OWN_OR_IOREDIS } from "./redis_probes.ts";
import { FaultyProxy } from "./servers/proxy.ts";
import { startRedis } from "./servers/redis.ts";

const server = await startRedis();
const withStore = onEmpty(server);

async function keys(): Promise<readonly string[]> {
  return (await server.cli("keys", "*")).split("\n").toSorted();
}

/** The memory of all keys, for that is what Redis runs out of: names, indexes and slack too. */
async function bytesStored(): Promise<number> {
  let bytes = 0;
  for (const key of await keys()) {
    bytes += Number(await server.cli("memory", "usage", key, "samples", "0"));
  }
  return bytes;
}

Deno.test("a cycle of 1,000 stores at most 500 bytes a step in Redis, index and all", async () => {
  await withStore({}, async (checkpointer) => {
    await growingRun(checkpointer, crypto.randomUUID());
    const bytes = await bytesStored() / GROWING_STEPS;
    assert(bytes <= 500, `${bytes} bytes a step`);
  });
});

Deno.test("100 steps beside a constant megabyte store and send little more than that", async () => {
  await server.cli("flushall");
  await using proxy = new FaultyProxy(server.port);
  await using probe = await OWN_OR_IOREDIS.open(server.url(0, proxy.port));
  await heavyRun(probe.checkpointer, "run");
  const [stored, sent] = [await bytesStored(), proxy.bytes];
  assert(stored <= 1_200_000, `${stored} bytes stored`);
  assert(sent >= 1_000_000 && sent <= 1_200_000, `${sent} bytes sent`);
});

for (const { width, mostBytes } of WIDE_RUNS) {
  Deno.test(`a fan-out of ${width} beside a constant megabyte stores ${mostBytes} bytes at most`, async () => {
    await withStore({}, async (checkpointer) => {
      await wideRun(checkpointer, "run", width);
      const stored = await bytesStored();
      assert(stored <= mostBytes, `${stored} bytes`);
    });
  });
}

Deno.test("what is small is stored whole, for other programs to read", async () => {
  await withStore({}, async (checkpointer) => {
    await growingRun(checkpointer, "run");
    const parts = (await keys()).map((key) => key.replace("firefly:ckpt:growing:", ""));
    const whole = parts.filter((part) => /^run:\d{6}_/.test(part));
    assertEquals(whole.slice(0, 4), [
      "run:000000___start__",
      ...["run:000001_add", "run:000002_add", "run:000003_add"],
    ]);
    for (const part of whole) {
      const record = JSON.parse(await server.cli("get", `firefly:ckpt:growing:${part}`));
      assertEquals(record.state.log.length, record.sequence);
    }
    let changes = 0;
    for (const list of parts.filter((part) => part.startsWith("run:changes:"))) {
      changes += Number(await server.cli("llen", `firefly:ckpt:growing:${list}`));
    }
    assert(changes > 900, `${changes} changes`);
    assertEquals(whole.length + changes, GROWING_STEPS + 1);
  });
});
