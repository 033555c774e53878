// Keeps runs in Postgres: over connections of its own, then over a client that you have already.
// Needs PG_DSN=postgresql://user:password@host/database. Run: deno task example postgres
import { type Checkpointer, definePipeline, END, pause, unchecked } from "@firefly/pipeline";
import { PostgresCheckpointer } from "@firefly/pipeline/postgres";
// @ts-types="npm:@types/pg@8.23.1"
import pg from "npm:pg@8.23.1";

function invoicing(checkpointer: Checkpointer) {
  return definePipeline({
    name: "invoicing",
    state: unchecked<{ customer: string; amount: number; receipt: string }>(),
    nodes: {
      check: ({ amount, customer }) => pause(`Bill ${customer} for ${amount}?`),
      bill: (_state, { taskId }) => ({ receipt: `receipt ${taskId}` }),
    },
    start: "check",
    edges: { check: "bill", bill: END },
  }, { checkpointer });
}

const url = Deno.env.get("PG_DSN");
if (!url) {
  console.log(
    "Run it with PG_DSN=postgresql://user:password@host/database deno task example postgres",
  );
  Deno.exit();
}

// By URL: it opens up to `poolSize` connections when it needs them, and closes them at the end.
await using owned = new PostgresCheckpointer({ url, poolSize: 2 });
const { runId, status } = await invoicing(owned).invoke({ customer: "Ana", amount: 120 });
console.log(`Run ${runId} is ${status}`);

// By client: node-postgres here; it is used as it is, and stays yours to close.
const client = new pg.Pool({ connectionString: url });
// Without a listener, node-postgres ends the process when an idle connection is lost.
client.on("error", (error) => console.warn(error.message));
const lent = new PostgresCheckpointer({ client });
const { state } = await invoicing(lent).resume(runId, { approvePause: true, by: "Bo" });
console.log(`The same run over another client: ${state.receipt}`);
await client.end();
