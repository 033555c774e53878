import { RedisCheckpointer } from "../backends/redis.ts";
import { assertUndisturbed, disturbAt } from "./disturbed_runs.ts";
import { CLUSTER_DRIVERS } from "./redis_probes.ts";
import { startCluster } from "./servers/redis.ts";

const { nodes } = await startCluster();

for (const { name, connect } of CLUSTER_DRIVERS) {
  Deno.test(`${name}: nodes that forget the scripts and end connections stop no run`, async () => {
    await using connected = await connect(nodes);
    const { client } = connected;
    const checkpointer = new RedisCheckpointer({ client, keyPrefix: "{disturbed}" });
    {
      // Who empties the nodes must not be disturbed.
      await using disturbance = disturbAt([50, 100, 150, 200, 250], async () => {
        for (const node of nodes) {
          await node.cli("script", "flush");
          await node.cli("client", "kill", "type", "normal");
        }
      });
      await assertUndisturbed(checkpointer, 10, 30, disturbance.count);
    }
    for (const node of nodes) await node.cli("flushall");
  });
}
