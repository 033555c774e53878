import type { Checkpointer } from "@firefly/pipeline";
import { FileCheckpointer } from "@firefly/pipeline/file";
import { PostgresCheckpointer } from "@firefly/pipeline/postgres";
import { RedisCheckpointer } from "@firefly/pipeline/redis";

/** A kind of place for checkpoints, and how a person finds them there. */
export interface Store {
  readonly name: string;
  /** Connections that it opens are closed with the stack. */
  open(folder: string, closing: AsyncDisposableStack): Checkpointer;
  /** Where all checkpoints of a run lie. */
  placeOf(folder: string, pipelineName: string, runId: string): string;
  /** What one of them is called there. */
  labelOf(sequence: number, nodeId: string): string;
}

const files: Store = {
  name: "files",
  open: (folder) => new FileCheckpointer(`${folder}/checkpoints`),
  placeOf: (folder, pipelineName, runId) => `${folder}/checkpoints/${pipelineName}/${runId}`,
  labelOf: (sequence, nodeId) => `${String(sequence).padStart(6, "0")}_${nodeId}.json`,
};

function postgres(url: string): Store {
  return {
    name: "Postgres",
    open: (_folder, closing) => closing.use(new PostgresCheckpointer({ url })),
    placeOf: (_folder, pipelineName, runId) =>
      `table firefly_checkpoints, pipeline ${pipelineName}, run ${runId}`,
    labelOf: (sequence, nodeId) => `row ${sequence} (${nodeId})`,
  };
}

function redis(url: string): Store {
  return {
    name: "Redis",
    open: (_folder, closing) => closing.use(new RedisCheckpointer({ url })),
    placeOf: (_folder, pipelineName, runId) => `keys firefly:ckpt:${pipelineName}:${runId}:*`,
    labelOf: (sequence, nodeId) => `${String(sequence).padStart(6, "0")}_${nodeId}`,
  };
}

/** Files, which need no set-up, and the Redis and Postgres that the environment names. */
export function availableStores(): readonly Store[] {
  const [redisUrl, postgresUrl] = [Deno.env.get("REDIS_URL"), Deno.env.get("PG_DSN")];
  return [
    files,
    ...redisUrl ? [redis(redisUrl)] : [],
    ...postgresUrl ? [postgres(postgresUrl)] : [],
  ];
}
