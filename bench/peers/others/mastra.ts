// Mastra, measured; main.ts starts it. Set up as its documentation says: workflows of steps that
// share a state, a PostgresStore, suspend and resume. https://mastra.ai/docs/workflows/overview
import { Mastra } from "@mastra/core";
import { createStep, createWorkflow } from "@mastra/core/workflows";
import { PostgresStore } from "@mastra/pg";
import { z } from "zod";
import { expect, itemOf, type Peer, type Resume } from "../peer.ts";
import { runWorker } from "../worker.ts";

/** No other peer checks what its steps are given and return. */
const options = { validateInputs: false };

/** What a step hands on to the next. */
const Counted = z.object({ count: z.number(), steps: z.number() });
const counted = { inputSchema: Counted, outputSchema: Counted };
type Counted = z.infer<typeof Counted>;

/** The shared states. */
const Listed = z.object({ items: z.array(z.string()) });
const Carried = z.object({ text: z.string() });

const count = createStep({
  id: "count",
  ...counted,
  // deno-lint-ignore require-await -- a step is asynchronous
  execute: async ({ inputData: { count, steps } }) => ({ count: count + 1, steps }),
});

const add = createStep({
  id: "add",
  ...counted,
  stateSchema: Listed,
  async execute({ inputData: { count, steps }, state, setState }) {
    await setState({ items: [...state.items, itemOf(count)] });
    return { count: count + 1, steps };
  },
});

/** When the step after the last one began. */
let begun = 0;

const stop = createStep({
  id: "stop",
  ...counted,
  stateSchema: Listed,
  resumeSchema: z.object({ go: z.boolean() }),
  async execute({ state, inputData, suspend }) {
    begun = performance.now();
    expect("items", state.items.length, inputData.steps);
    return await suspend({});
  },
});

const double = createStep({
  id: "double",
  inputSchema: z.number(),
  outputSchema: z.number(),
  // deno-lint-ignore require-await -- a step is asynchronous
  execute: async ({ inputData }) => inputData * 2,
});

/** A condition: whether there are steps left to take. */
// deno-lint-ignore require-await -- a condition is asynchronous
const isUnfinished = async ({ inputData: { count, steps } }: { inputData: Counted }) =>
  count < steps;

function makeCounting() {
  return createWorkflow({ id: "counting", ...counted, options })
    .dowhile(count, isUnfinished).commit();
}

const appending = createWorkflow({ id: "appending", ...counted, stateSchema: Listed, options })
  .dowhile(add, isUnfinished).commit();

const carrying = createWorkflow({ id: "carrying", ...counted, stateSchema: Carried, options })
  .dowhile(count, isUnfinished).commit();

const stopping = createWorkflow({ id: "stopping", ...counted, stateSchema: Listed, options })
  .dowhile(add, isUnfinished).then(stop).commit();

const Numbers = z.array(z.number());
const fanOut = createWorkflow({
  id: "fan-out",
  inputSchema: Numbers,
  outputSchema: Numbers,
  options,
}).foreach(double, { concurrency: 64 }).commit();

/** Opens Mastra on a database. */
async function open(dsn: string): Promise<Peer> {
  const storage = new PostgresStore({ id: "peer", connectionString: dsn });
  const [short, unstored] = [makeCounting(), makeCounting()];
  new Mastra({
    storage,
    workflows: { short, appending, carrying, stopping, fanOut },
    logger: false,
  });
  await storage.init();
  return {
    setUp: "PostgresStore from a connection string; steps in a dowhile, what grows in the shared " +
      "state; validateInputs and logger off; foreach with concurrency 64",
    withoutStore: (steps) => countTo(unstored, steps),
    async appending(steps) {
      const run = await appending.createRun();
      const start = { inputData: { count: 0, steps }, initialState: { items: [] } };
      expectDone(steps, await run.start(start));
    },
    async carrying(text, steps) {
      const run = await carrying.createRun();
      const start = { inputData: { count: 0, steps }, initialState: { text } };
      expectDone(steps, await run.start(start));
    },
    async fanOut(workers) {
      const run = await fanOut.createRun();
      const result = await run.start({ inputData: Array.from({ length: workers }, (_, i) => i) });
      if (result.status !== "success") throw failure(result);
      expect("results", result.result.length, workers);
    },
    short: (steps) => countTo(short, steps),
    stopped,
    [Symbol.asyncDispose]: () => storage.close(),
  };
}

async function countTo(
  counting: ReturnType<typeof makeCounting>,
  steps: number,
): Promise<void> {
  const run = await counting.createRun();
  expectDone(steps, await run.start({ inputData: { count: 0, steps } }));
}

async function stopped(steps: number): Promise<Resume> {
  const stopped = await stopping.createRun();
  const start = { inputData: { count: 0, steps }, initialState: { items: [] } };
  expect("a stopped run", (await stopped.start(start)).status, "suspended");
  const { runId } = stopped;
  return async () => {
    const called = performance.now();
    // As another process would: by the run's id alone.
    const run = await stopping.createRun({ runId });
    const { status } = await run.resume({ step: "stop", resumeData: { go: true } });
    expect("a stopped run", status, "suspended");
    return begun - called;
  };
}

type Outcome =
  | { readonly status: "success"; readonly result: Counted }
  | { readonly status: string };

function expectDone(steps: number, outcome: Outcome): void {
  if (!("result" in outcome)) throw failure(outcome);
  expect("steps", outcome.result.count, steps);
}

function failure(outcome: { readonly status: string }): Error {
  return new Error(`Cannot measure Mastra: its run is ${outcome.status}`, { cause: outcome });
}

await runWorker(open);
