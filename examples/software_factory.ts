// A software factory that survives a failure: its run stops in one process and goes on in another.
// Run: deno task example
// With REDIS_URL=redis://host:6379/0 or PG_DSN=postgresql://user:password@host/database, or both, it
// does so in files, then there.
import { CheckpointSaveError } from "@firefly/pipeline";
import { setTimeout as delay } from "node:timers/promises";
import { softwareFactory } from "./software_factory/factory.ts";
import { openJournal } from "./software_factory/journal.ts";
import { printHistory, printOutcome, progressReporter } from "./software_factory/report.ts";
import { print, printTitle } from "./software_factory/screen.ts";
import { availableStores, type Store } from "./software_factory/stores.ts";

const REQUIREMENTS = new URL("./requirements.md", import.meta.url);

/** The whole story: a run that fails here, is finished elsewhere, and is looked at here again. */
async function failAndRecover(store: Store): Promise<void> {
  const folder = await prepareFolder();
  await using closing = new AsyncDisposableStack();
  const { factory, journal } = openFactory(store, folder, closing);
  const runId = `build-${crypto.randomUUID().slice(0, 4)}`;

  printTitle(`process ${Deno.pid} starts run ${runId}, kept in ${store.name}`);
  const places = [
    `  folder       ${folder}`,
    `  checkpoints  ${store.placeOf(folder, factory.name, runId)}`,
  ].join("\n");
  print([places]);
  print();
  const requirements = await Deno.readTextFile(REQUIREMENTS);
  const result = await factory.invoke({ requirements }, { runId });
  if (result.status !== "failed") throw new Error(`Expected a failure, not "${result.status}"`);

  print();
  print([`  The run stands at ${result.failedNode}; what finished before it is stored.`]);
  await delay(700);
  await Deno.remove(`${folder}/dist/MAINTENANCE`);
  print(["  Meanwhile the deployment target is open again."]);
  await delay(700);
  await resumeElsewhere(store, folder, runId);

  printTitle(`process ${Deno.pid} looks at what they left`);
  // Resuming a completed run does nothing but give its result.
  const { state } = await factory.resume(runId);
  const isGood = printOutcome(state, await journal.read());
  printTitle("the pipeline, for https://mermaid.live");
  console.log(factory.toMermaid().trimEnd());
  printTitle("the history of the run");
  printHistory((await Array.fromAsync(factory.history(runId))).reverse());
  print();
  print(["  Everything is still there to look at; delete it when you have seen enough:"]);
  print([places]);
  if (!isGood) Deno.exitCode = 1;
}

/** What the second process does. */
async function resume(store: Store, folder: string, runId: string): Promise<void> {
  printTitle(`process ${Deno.pid} goes on with run ${runId}`);
  await using closing = new AsyncDisposableStack();
  const { factory } = openFactory(store, folder, closing);
  const result = await factory.resume(runId, { by: `process ${Deno.pid}` });
  if (result.status !== "completed") Deno.exitCode = 1;
}

async function resumeElsewhere(store: Store, folder: string, runId: string): Promise<void> {
  // Set where this repository's tasks run with a configuration of their own; your copy has none.
  const config = Deno.env.get("FIREFLY_CONFIG");
  const options = config === undefined ? ["--allow-all"] : ["--allow-all", "--config", config];
  const second = new Deno.Command(Deno.execPath(), {
    args: ["run", ...options, Deno.mainModule, "--resume", store.name, folder, runId],
  }).spawn();
  const { success, code } = await second.status;
  if (!success) throw new Error(`The second process ended with code ${code}`);
}

function openFactory(store: Store, folder: string, closing: AsyncDisposableStack) {
  const journal = openJournal(`${folder}/effects.jsonl`);
  const factory = softwareFactory(folder, journal, {
    checkpointer: store.open(folder, closing),
    onEvent: progressReporter(store, journal),
  });
  return { factory, journal };
}

/** A folder for the factory's files, and a deployment target that is closed for now. */
async function prepareFolder(): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "software-factory-" });
  await Deno.mkdir(`${folder}/src`);
  await Deno.mkdir(`${folder}/dist`);
  await Deno.writeTextFile(`${folder}/dist/MAINTENANCE`, "storage upgrade");
  return folder;
}

const [command, storeName, folder, runId] = Deno.args;
if (command === "--resume" && folder !== undefined && runId !== undefined) {
  const store = availableStores().find(({ name }) => name === storeName);
  if (store === undefined) throw new Error(`There is no store "${storeName}" here`);
  await resume(store, folder, runId);
} else {
  for (const store of availableStores()) {
    try {
      await failAndRecover(store);
    } catch (error) {
      // The store is not there: no driver, no server, no permission. The others may be.
      if (!(error instanceof CheckpointSaveError)) throw error;
      console.error(error.message);
      Deno.exitCode = 1;
    }
  }
}
