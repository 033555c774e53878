// Keeps runs in Redis: over a connection of its own, then over a client that you have already.
// Needs REDIS_URL=redis://user:password@host:6379/0. Run: deno task example redis
import { type Checkpointer, definePipeline, END, pause, unchecked } from "@firefly/pipeline";
import { RedisCheckpointer } from "@firefly/pipeline/redis";
import { Redis } from "npm:ioredis@6.0.0";

function moderation(checkpointer: Checkpointer) {
  return definePipeline({
    name: "moderation",
    state: unchecked<{ comment: string; verdict: string }>(),
    nodes: {
      check: ({ comment }) => pause(`Publish "${comment}"?`),
      publish: (_state, { taskId }) => ({ verdict: `published as ${taskId}` }),
    },
    start: "check",
    edges: { check: "publish", publish: END },
  }, { checkpointer });
}

const url = Deno.env.get("REDIS_URL");
if (!url) {
  console.log("Run it with REDIS_URL=redis://user:password@host:6379/0 deno task example redis");
  Deno.exit();
}

// By URL: it opens a connection when it needs one, and closes it at the end. A run is kept for a day
// after its last step; while it waits for a person, it is kept for as long as that takes.
await using owned = new RedisCheckpointer({ url, ttlSeconds: 86_400 });
const { runId, status } = await moderation(owned).invoke({ comment: "Well done" });
console.log(`Run ${runId} is ${status}`);

// By client: ioredis here; it is used as it is, and stays yours to close.
const client = new Redis(url);
const lent = new RedisCheckpointer({ client, ttlSeconds: 86_400 });
const { state } = await moderation(lent).resume(runId, { approvePause: true, by: "Bo" });
console.log(`The same run over another client: ${state.verdict}`);
await client.quit();
