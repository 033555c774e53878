import { assert, assertEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { FileCheckpointer } from "../backends/file.ts";
import type { CheckpointRecord } from "../mod.ts";
import { configArgs } from "../tools/deno_args.ts";

const WORKER = fromFileUrl(new URL("fixtures/retrying_worker.ts", import.meta.url));

function startWorker(folder: string, delayMs: number): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", ...configArgs(), "-A", WORKER, folder, `${delayMs}`],
    stdout: "piped",
  }).spawn();
}

/** Waits for a checkpoint in which a task waits for its next attempt. */
async function untilWaiting(folder: string): Promise<CheckpointRecord> {
  const checkpointer = new FileCheckpointer(join(folder, "checkpoints"));
  for (;;) {
    const record = await checkpointer.loadLatest("retrying", "r");
    if (record?.tasks[0]?.attempt !== undefined) return record;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

Deno.test("a process that is killed while it waits for an attempt has used up those before", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const killed = startWorker(folder, 3_600_000);
    const { tasks: [task] } = await untilWaiting(folder);
    killed.kill("SIGKILL");
    await killed.output();
    assertEquals([task?.status, task?.attempt], ["pending", 1]);
    assert(task?.status === "pending" && Date.parse(task.retryAt ?? "") > Date.now());
    const { stdout } = await startWorker(folder, 1).output();
    const result = JSON.parse(new TextDecoder().decode(stdout));
    assertEquals([result.status, result.state.url], ["completed", "https://example.com"]);
    assertEquals(await Deno.readTextFile(join(folder, "attempts")), "1\n2\n3\n");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
