// DBOS Transact, measured; main.ts starts it. Set up as its documentation says: workflows and steps
// as functions, steps side by side with Promise.all, results in memory between them.
// https://docs.dbos.dev/typescript/programming-guide
// https://docs.dbos.dev/typescript/tutorials/workflow-tutorial
import { DBOS } from "@dbos-inc/dbos-sdk";
import { expect, itemOf, type Peer, type Resume } from "../peer.ts";
import { runWorker } from "../worker.ts";

const counting = DBOS.registerWorkflow(async (steps: number) => {
  let count = 0;
  while (count < steps) count = await step(() => count + 1);
  return count;
}, { name: "counting" });

const appending = DBOS.registerWorkflow(async (steps: number) => {
  const items: string[] = [];
  while (items.length < steps) items.push(await step(() => itemOf(items.length)));
  return items.length;
}, { name: "appending" });

const carrying = DBOS.registerWorkflow(async (_text: string, steps: number) => {
  let count = 0;
  while (count < steps) count = await step(() => count + 1);
  return count;
}, { name: "carrying" });

const fanOut = DBOS.registerWorkflow(async (workers: number) => {
  const items = Array.from({ length: workers }, (_, item) => item);
  const results = await Promise.all(items.map((item) => step(() => item * 2)));
  return results.length;
}, { name: "fan-out" });

/** What a stopped workflow tells of where it is, and what it waits for there. */
const stop = { replayed: Promise.withResolvers<number>(), go: Promise.withResolvers() };

const stopping = DBOS.registerWorkflow(async (steps: number) => {
  const started = performance.now();
  const items: string[] = [];
  while (items.length < steps) items.push(await step(() => itemOf(items.length)));
  // Here the next step would begin.
  stop.replayed.resolve(performance.now() - started);
  await stop.go.promise;
  await step(() => {});
}, { name: "stopping" });

function step<Value>(run: () => Value): Promise<Value> {
  // deno-lint-ignore require-await -- a step is asynchronous
  return DBOS.runStep(async () => run(), { name: "step" });
}

/** Opens DBOS on a database, its system database. */
async function open(dsn: string): Promise<Peer> {
  DBOS.setConfig({ name: "peer", systemDatabaseUrl: dsn, logLevel: "error" });
  await DBOS.launch();
  return {
    setUp:
      "systemDatabaseUrl, all else by default; state is what a step returns and the workflow " +
      "keeps in its variables; resuming replays the workflow, and is measured without the wait " +
      "for its queue (up to a second)",
    async appending(steps) {
      expect("items", await appending(steps), steps);
    },
    async carrying(text, steps) {
      expect("steps", await carrying(text, steps), steps);
    },
    async fanOut(workers) {
      expect("results", await fanOut(workers), workers);
    },
    async short(steps) {
      expect("steps", await counting(steps), steps);
    },
    stopped,
    [Symbol.asyncDispose]: () => DBOS.shutdown(),
  };
}

async function stopped(steps: number): Promise<Resume> {
  const { workflowID } = await DBOS.startWorkflow(stopping)(steps);
  await untilStop(workflowID);
  return async () => {
    await DBOS.resumeWorkflow(workflowID);
    return await untilStop(workflowID);
  };
}

/** Waits until the workflow is where its next step would begin, and has it stop there. */
async function untilStop(workflowID: string): Promise<number> {
  const tookMs = await stop.replayed.promise;
  stop.replayed = Promise.withResolvers();
  await DBOS.cancelWorkflow(workflowID);
  const { go } = stop;
  stop.go = Promise.withResolvers();
  go.resolve(undefined);
  return tookMs;
}

await runWorker(open);
