import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import type { Checkpointer } from "../mod.ts";
import { withRoot } from "./file_probes.ts";
import { answerOf, CENSUS, type Order, WIDTH } from "./fan_out/order.ts";
import { finishedVisits, problemsOf } from "./history_checks.ts";
import { type Address, BACKENDS, openStore } from "./places/open.ts";
import { placesOf } from "./places/place.ts";
import { startChild } from "./processes/child.ts";

const WORKER = new URL("./fan_out/worker.ts", import.meta.url);

/** A process is killed as soon as it told that so many more tasks are stored as finished. */
const KILLED_AFTER = [1, 10, 30, WIDTH];

const TASKS: readonly string[] = Array.from({ length: WIDTH }, (_, index) => `ask ${index + 1}`);

for (const backend of BACKENDS) {
  const makePlace = await placesOf(backend);

  Deno.test(`${backend}: what finished in a fan-out is stored then, and survives its process`, async () => {
    await withRoot(async (folder) => {
      await using place = await makePlace();
      await using store = await openStore(place.address);
      const order = { runId: "r", begun: join(folder, "begun") };
      let before: readonly string[] = [];
      for (const more of [...KILLED_AFTER, Infinity]) {
        await Deno.writeTextFile(order.begun, "");
        const isLast = more === Infinity;
        // All but the first can finish before the last life.
        const enough = isLast ? WIDTH : Math.min(before.length + more, WIDTH - 1);
        const told = await live(place.address, { ...order, isLast }, enough);
        const begun = await linesOf(order.begun);
        const kept = await finishedIn(store.checkpointer, order.runId);
        assertEquals(told.filter((task) => !kept.includes(task)), [], "told as stored, and lost");
        assertEquals(begun.filter((task) => before.includes(task)), [], "stored, and run again");
        before = kept;
      }
      await assertEnd(store.checkpointer, order.runId);
    });
  });
}

/** Has a process work until enough is stored, or to the end; comes back with what it told of that. */
async function live(address: Address, order: Order, enough: number): Promise<readonly string[]> {
  await using child = startChild(WORKER, [JSON.stringify(address)]);
  assertEquals(await child.hear(), "ready");
  await child.tell(order);
  let told: readonly string[] = [];
  while (told.length < enough || order.isLast) {
    const line = await child.hear();
    if (line === undefined) break;
    told = tasksIn(JSON.parse(line));
  }
  if (!order.isLast) await child.kill();
  const { complaint } = await child.ended;
  assertEquals(complaint, "");
  assert(told.length >= enough, `stored are only ${told}`);
  return told;
}

async function finishedIn(store: Checkpointer, runId: string): Promise<readonly string[]> {
  const latest = await store.loadLatest(CENSUS, runId);
  return latest === undefined ? [] : tasksIn(finishedVisits(latest));
}

function tasksIn(visits: readonly string[]): readonly string[] {
  return visits.filter((visit) => visit.startsWith("ask "));
}

async function linesOf(path: string): Promise<readonly string[]> {
  return (await Deno.readTextFile(path)).split("\n").slice(0, -1);
}

/** The end is that of a run that nobody killed, and tasks shared the saves of the fan-out. */
async function assertEnd(store: Checkpointer, runId: string): Promise<void> {
  const history = await Array.fromAsync(store.history(CENSUS, runId));
  assertEquals(problemsOf(history.toReversed(), { storesEveryStep: true }), []);
  const [latest] = history;
  assertEquals(latest?.status, "completed");
  assertEquals(latest?.state.log, TASKS.map((_, item) => answerOf(item)));
  assertEquals(latest?.completedNodes, ["plan", ...TASKS.map(() => "ask"), "add"]);
  const saves = history.filter(({ nodeId, tasks }) => nodeId === "ask" && tasks.length === WIDTH);
  assert(saves.length < WIDTH, `${saves.length} saves for ${WIDTH} tasks`);
}
