import { checkpointerSuite } from "./checkpointer_suite.ts";
import { DRIVERS } from "./redis_probes.ts";
import { type Programs, REDIS, startRedis, VALKEY, whyNot } from "./servers/redis.ts";

for (const programs of [REDIS, VALKEY]) await testOn(programs);

async function testOn(programs: Programs): Promise<void> {
  const reason = await whyNot(programs);
  const server = reason === undefined ? await startRedis(programs) : undefined;
  let stores = 0;
  for (const { name, ignore = reason, open } of DRIVERS) {
    checkpointerSuite(`${programs.name} through ${name}`, {
      ...(ignore !== undefined && { ignore }),
      async open() {
        if (server === undefined) throw new Error(reason);
        const keyPrefix = `suite:${++stores}`;
        const first = await open(server.url(), { keyPrefix });
        const probes = [first];
        return {
          checkpointer: first.checkpointer,
          async again() {
            const probe = await open(server.url(), { keyPrefix });
            probes.push(probe);
            return probe.checkpointer;
          },
          async close() {
            for (const probe of probes) await probe[Symbol.asyncDispose]();
            await server.cli("flushall");
          },
        };
      },
    });
  }
}
