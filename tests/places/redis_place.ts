import { startRedis, type ThrowAwayRedis } from "../servers/redis.ts";
import type { MakePlace, Place } from "./place.ts";

const DATABASES = 16;

/** A checkpoint, what is known of a run, or the runs of a pipeline. */
const KEPT = /^firefly:ckpt:[^:]+:(?:[^:]+:(?:\d{6,}_[^:]+|index|deleted)|runs|expiring)$/;

/** Databases of one server, which keeps what it stored when it is killed. */
export async function redisPlaces(): Promise<MakePlace> {
  const server = await startRedis(undefined, "--appendonly", "yes", "--appendfsync", "always");
  let places = 0;
  return () => Promise.resolve(redisPlace(server, places++ % DATABASES));
}

function redisPlace(server: ThrowAwayRedis, database: number): Place {
  const ask = (...words: readonly string[]) => server.cli("-n", String(database), ...words);
  const contents = async () => (await ask("keys", "*")).split("\n").filter((key) => key !== "");
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
    async [Symbol.asyncDispose]() {
      await ask("flushdb");
    },
  };
}
