import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Cluster, Redis } from "npm:ioredis@6.0.0";
import { createCluster } from "npm:redis@6.3.1";
import { RedisCheckpointer, RedisError } from "../backends/redis.ts";
import { checkpointerSuite } from "./checkpointer_suite.ts";
import { record } from "./probe_record.ts";
import { CLUSTER_DRIVERS, end } from "./redis_probes.ts";
import { startCluster } from "./servers/redis.ts";
import { assertStored } from "./suite/checks.ts";

const { nodes } = await startCluster();

let stores = 0;

for (const { name, connect } of CLUSTER_DRIVERS) {
  // Kept open, as a Cluster of ioredis closes some of its connections a while after it has ended.
  const [one, other] = [await connect(nodes), await connect(nodes)];
  const open = (keyPrefix: string) => new RedisCheckpointer({ client: one.client, keyPrefix });

  checkpointerSuite(`Redis through ${name}`, {
    open() {
      // Each store lies on one node; many of them are spread over all.
      const keyPrefix = `{suite ${++stores}}:ckpt`;
      return Promise.resolve({
        checkpointer: open(keyPrefix),
        again: () => new RedisCheckpointer({ client: other.client, keyPrefix }),
        async close() {
          for (const node of nodes) await node.cli("flushall");
        },
      });
    },
  });

  Deno.test(`${name}: stores are spread over the nodes, each on one`, async () => {
    const counts = () => Promise.all(nodes.map(async (node) => Number(await node.cli("dbsize"))));
    for (let store = 0; store < 12; store++) {
      const before = await counts();
      const checkpointer = open(`{spread ${store}}`);
      for (const sequence of [0, 1, 2]) await checkpointer.save(record(sequence));
      await assertStored(checkpointer, [record(2), record(1), record(0)]);
      const grown = (await counts()).filter((count, index) => count !== before[index]);
      assertEquals(grown.length, 1);
    }
    assert((await counts()).every((count) => count > 0), "a node has nothing");
    for (const node of nodes) await node.cli("flushall");
  });

  Deno.test(`${name}: what the Python framework left is found on its node`, async () => {
    const checkpointer = open("{old}:ckpt");
    const text = JSON.stringify({
      ...{ pipeline_name: "factory", run_id: "r1", node_id: "build", sequence: 4 },
      ...{ state: {}, completed_nodes: ["build"], paused: false, pause_reason: null },
    });
    for (const node of nodes) {
      await node.cli("set", "{old}:ckpt:factory:r1:000004_build", text).catch(() => {});
    }
    assertEquals((await checkpointer.loadLatest("factory", "r1"))?.sequence, 4);
    await checkpointer.save(record(5));
    const history = await Array.fromAsync(checkpointer.history("factory", "r1"));
    assertEquals(history.map(({ sequence }) => sequence), [5, 4]);
    await checkpointer.deleteRun("factory", "r1");
  });
}

Deno.test("on a cluster, a prefix without a hash tag is refused at once", () => {
  const nodeRedis = createCluster({ rootNodes: [{ url: nodes[0]?.url() ?? "" }] });
  const ioredis = new Cluster([{ host: "127.0.0.1", port: 1 }], { lazyConnect: true });
  for (const client of [nodeRedis, ioredis]) {
    for (const keyPrefix of [undefined, "a", "a}{", "{}", "{}{a}", "a{", "a{b"]) {
      const error = assertThrows(() => new RedisCheckpointer({ client, keyPrefix }), TypeError);
      assert(error.message.includes("hash tag"), error.message);
    }
    for (const keyPrefix of ["{a}", "a{b}c", "{firefly}:ckpt", "}{a}"]) {
      new RedisCheckpointer({ client, keyPrefix });
    }
  }
});

Deno.test("a client that knows nothing of clusters is told what to do", async () => {
  const [node] = nodes;
  assert(node !== undefined);
  const client = new Redis(node.url());
  try {
    const untagged = new RedisCheckpointer({ client });
    const crossing = await assertRejects(() => untagged.save(record(0)), RedisError, "hash tag");
    assert(crossing instanceof RedisError);
    assertEquals(crossing.code, "CROSSSLOT");
    const codes = await Promise.all(["a", "b", "c", "d", "e"].map(async (tag) => {
      const tagged = new RedisCheckpointer({ client, keyPrefix: `{${tag}}` });
      return await tagged.save(record(0)).then(() => "saved", ({ code }) => code);
    }));
    assertEquals([...new Set(codes)].toSorted(), ["MOVED", "saved"]);
  } finally {
    await end(client);
    for (const node of nodes) await node.cli("flushall");
  }
});
