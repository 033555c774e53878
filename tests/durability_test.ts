import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { FileCheckpointer } from "../backends/file.ts";
import type { Durability } from "../mod.ts";
import { configArgs } from "../tools/deno_args.ts";
import { withRoot } from "./file_probes.ts";

const SCRIPT = new URL("./fixtures/durable_worker.ts", import.meta.url).href;

/** The tasks of a run that nobody kills: three steps, a pause, three steps, four workers. */
const TASKS = [
  ...[1, 2, 3, 4, 5, 6].map((visit) => `step/${visit}`),
  ...[1, 2, 3, 4].map((visit) => `worker/${visit}`),
];

const RESULT = {
  runId: "r",
  state: {
    count: 6,
    log: [
      ...[1, 2, 3, 4, 5, 6].map((count) => `step ${count}`),
      ...[0, 1, 2, 3].map((item) => `worker ${item}`),
    ],
  },
  completedNodes: [
    ...["step", "step", "step", "ask", "step", "step", "step"],
    ...["worker", "worker", "worker", "worker"],
  ],
  status: "completed",
};

/** Runs a worker process to its end or death. */
async function work(folder: string, durability: Durability, deadly?: string) {
  const args = ["run", ...configArgs(), "-A", SCRIPT, folder, durability];
  const { stdout, stderr, signal } = await new Deno.Command(Deno.execPath(), {
    args: deadly === undefined ? args : [...args, deadly],
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  return { said: decoder.decode(stdout), signal, complaint: decoder.decode(stderr) };
}

/** The tasks that had their effect, in the order of that, as often as they had it. */
async function effectsIn(folder: string): Promise<readonly string[]> {
  const lines = (await Deno.readTextFile(join(folder, "effects"))).trimEnd().split("\n");
  return lines.map((taskId) => taskId.slice("shift/r/".length));
}

/**
 * Lets a process die in the middle of a task and another one go on; comes back with the tasks that
 * ran in both. Whatever ran again has the same task id, and the end is that of an undisturbed run.
 */
async function runAgainAfter(deadly: string, durability: Durability): Promise<readonly string[]> {
  let again: readonly string[] = [];
  await withRoot(async (folder) => {
    const killed = await work(folder, durability, deadly);
    assertEquals([killed.signal, killed.said], ["SIGKILL", ""], killed.complaint);
    const before = await effectsIn(folder);
    assertEquals(before.filter((task) => task === deadly), [deadly]);
    const { said, complaint } = await work(folder, durability);
    assert(said !== "", complaint);
    assertEquals(JSON.parse(said), RESULT);
    const all = await effectsIn(folder);
    assertEquals([...new Set(all)].sort(), TASKS);
    again = all.slice(before.length).filter((task) => before.includes(task));
    assertEquals(new Set(again).size, again.length);
    const store = new FileCheckpointer(join(folder, "checkpoints"));
    const sequences = (await Array.fromAsync(store.history("shift", "r")))
      .map(({ sequence }) => sequence);
    assertEquals(sequences, sequences.map((_, index) => sequences.length - 1 - index));
  });
  return again.toSorted();
}

Deno.test("sync: a process that is killed loses no step that finished", async () => {
  for (const deadly of ["step/1", "step/3", "step/6", "worker/4"]) {
    assertEquals(await runAgainAfter(deadly, "sync"), [deadly]);
  }
});

Deno.test("async: a process that is killed loses at most the last step that finished", async () => {
  for (const [deadly, last] of [["step/3", "step/2"], ["step/6", "step/5"]] as const) {
    const again = await runAgainAfter(deadly, "async");
    assertEquals(again.filter((task) => task !== last), [deadly]);
  }
  // The start, a claim and what a fan-out waited for are stored before.
  for (const deadly of ["step/1", "step/4", "worker/4"]) {
    assertEquals(await runAgainAfter(deadly, "async"), [deadly]);
  }
});

Deno.test("exit: a process that is killed loses what finished since the call began, and no more", async () => {
  assertEquals(await runAgainAfter("step/3", "exit"), TASKS.slice(0, 3));
  assertEquals(await runAgainAfter("step/6", "exit"), TASKS.slice(3, 6), "the pause was an exit");
  assertEquals(await runAgainAfter("worker/4", "exit"), TASKS.slice(3));
});

Deno.test("a process that nobody kills takes a run to the same end, whatever the durability", async () => {
  for (const durability of ["sync", "async", "exit"] as const) {
    await withRoot(async (folder) => {
      const { said, complaint } = await work(folder, durability);
      assert(said !== "", complaint);
      assertEquals(JSON.parse(said), RESULT);
      assertEquals((await effectsIn(folder)).toSorted(), TASKS);
    });
  }
});
