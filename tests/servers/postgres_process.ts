// One of many processes that begin at once: it is ready, is told to go, and saves a run.
import { OWN_OR_NODE_POOL } from "../postgres_probes.ts";
import { record } from "../probe_record.ts";

const [dsn = "", runId = ""] = Deno.args;
await using probe = await OWN_OR_NODE_POOL.open(dsn);
console.log("ready");
await Deno.stdin.read(new Uint8Array(16));
await probe.checkpointer.save(record(0, { runId }));
await probe.checkpointer.save(record(1, { runId }));
