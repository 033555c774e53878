import { startRedis, type ThrowAwayRedis } from "../servers/redis.ts";
import type { Fault, MakePlace, Place } from "./place.ts";

const DATABASES = 16;

/** A checkpoint, changes of one, what is known of a run, or the runs of a pipeline. */
const KEPT = /^firefly:ckpt:[^:]+:(?:[^:]+:(?:\d{6,}_[^:]+|changes:\d+|index)|runs|expiring)$/;

/** That a run was deleted is kept for a while, and goes by itself. */
const PASSING = /:deleted$/;

/** Databases of one server, which keeps what it stored when it is killed. */
export async function redisPlaces(): Promise<MakePlace> {
  const server = await startRedis(undefined, "--appendonly", "yes", "--appendfsync", "always");
  let places = 0;
  return () => Promise.resolve(redisPlace(server, places++ % DATABASES));
}

function redisPlace(server: ThrowAwayRedis, database: number): Place {
  const ask = (...words: readonly string[]) => server.cli("-n", String(database), ...words);
  const contents = async () =>
    (await ask("keys", "*")).split("\n").filter((key) => key !== "" && !PASSING.test(key));
  const strays = async () => {
    const clients = (await ask("client", "list")).split("\n").filter((client) =>
      client.includes(` db=${database} `) && !client.includes(" cmd=client")
    );
    return [...(await contents()).filter((key) => !KEPT.test(key)), ...clients];
  };
  return {
    address: { backend: "redis", where: server.url(database) },
    async strays() {
      for (let left = 200; left > 0 && (await strays()).length > 0; left--) {
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
      return await strays();
    },
    contents,
    faults: faultsOf(server),
    async [Symbol.asyncDispose]() {
      await ask("flushdb");
    },
  };
}

/** How long it says nothing, in milliseconds. */
const PAUSE_MS = 300;

function faultsOf(server: ThrowAwayRedis): readonly [Fault, ...Fault[]] {
  return [
    {
      name: "connections ended",
      inject: async () => void await server.cli("client", "kill", "type", "normal"),
    },
    {
      name: "pauses of the server",
      async inject() {
        await server.cli("client", "pause", String(PAUSE_MS), "all");
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      },
    },
    {
      name: "crashes of the server",
      async inject() {
        await server.kill();
        await server.start();
      },
    },
  ];
}
