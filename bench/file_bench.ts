import { join } from "@std/path";
import { FileCheckpointer } from "../backends/file.ts";
import { append, definePipeline, END, unchecked } from "../mod.ts";
import { recordToText } from "../pipeline/record.ts";
import { record } from "../tests/probe_record.ts";
import { record as likeRecord } from "./bench_record.ts";
import { cycle } from "./cycle.ts";
import { benchRatio, benchTime, OPTIMIZED_AFTER } from "./measure.ts";

const STEPS = 100;
const TEXT = "x".repeat(300);
const encoder = new TextEncoder();

/**
 * Below the working folder: the system's folder for temporary files may lie in memory. Nothing in it is
 * removed before the end: ext4 passes over the inodes of files that were removed of late, one by one.
 */
const root = await makeFolder(".");
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));
let folder = "";
let counting: ReturnType<typeof cycle>;

/** A save's system calls, but for what helps lists, for a checkpoint like those of the pipeline. */
async function bareSave(number: number): Promise<void> {
  const draft = join(folder, `.draft-${number}`);
  const head = join(folder, `.head-${number}`);
  const text = recordToText(likeRecord("bare", number));
  const file = Deno.openSync(draft, { write: true, createNew: true });
  file.writeSync(encoder.encode(text));
  Deno.linkSync(draft, head);
  Deno.removeSync(draft);
  if (number > 0) Deno.removeSync(join(folder, `.head-${number - 1}`));
  Deno.linkSync(head, join(folder, `${number}.json`));
  await file.sync();
  file.close();
}

function makeFolder(dir: string): Promise<string> {
  return Deno.makeTempDir({ dir, prefix: ".bench-" });
}

benchRatio({
  name: "a checkpointed step on files",
  unit: "step",
  units: STEPS + 1,
  warmUpUnits: OPTIMIZED_AFTER,
  mostTimes: 1.2,
  async setUp() {
    folder = await makeFolder(root);
    counting = cycle(new FileCheckpointer(folder), STEPS);
  },
  async floor() {
    for (let step = 0; step <= STEPS; step++) await bareSave(step);
  },
  async work() {
    await counting.invoke({ count: 0, text: TEXT });
  },
});

/** A store that stays for all rounds of a benchmark. */
async function makeStore(): Promise<{ readonly root: string; readonly store: FileCheckpointer }> {
  const folder = await makeFolder(root);
  return { root: folder, store: new FileCheckpointer(folder, { sync: false }) };
}

function save(store: FileCheckpointer, runId: string, sequence: number): Promise<void> {
  const state = { count: sequence, text: "x".repeat(50) };
  return store.save(record(sequence, { pipelineName: "bench", runId, state }));
}

const SAVES = 50;
const FIRST_TENTH = 500;
const LAST_TENTH = 4_500;
const saves = await makeStore();
for (let sequence = 0; sequence < LAST_TENTH; sequence++) {
  await save(saves.store, "long", sequence);
}
let [early, late] = [0, LAST_TENTH];
const beside = await makeStore();
benchRatio({
  name: "a save into a folder of 4,500 checkpoints, beside one into a folder of up to 500",
  unit: "save",
  units: SAVES,
  mostTimes: 1.2,
  async floor() {
    for (let step = 0; step < SAVES; step++, early++) {
      const run = Math.floor(early / FIRST_TENTH);
      await save(beside.store, `short-${run}`, early % FIRST_TENTH);
    }
  },
  async work() {
    for (let step = 0; step < SAVES; step++) await save(saves.store, "long", late++);
  },
});

const loads = await makeStore();
for (let sequence = 0; sequence < 1_000; sequence++) {
  await save(loads.store, "small", sequence);
}
await definePipeline({
  name: "bench",
  state: unchecked<{ count: number; log: string[] }>(),
  reducers: { log: append },
  nodes: { add: (state) => ({ count: state.count + 1, log: "x".repeat(50) }) },
  start: "add",
  edges: { add: (state) => state.count < 999 ? "add" : END },
}, { checkpointer: loads.store, recursionLimit: Infinity })
  .invoke({ count: 0, log: [] }, { runId: "growing" });

const LOADS = 10;
for (const [runId, mostMicroseconds] of [["small", 2_000], ["growing", 2_000]] as const) {
  benchTime({
    name: `a load of the latest of 1,000 checkpoints of a ${runId} state`,
    unit: "load",
    units: LOADS,
    mostMicroseconds,
    async work() {
      for (let load = 0; load < LOADS; load++) {
        const latest = await new FileCheckpointer(loads.root).loadLatest("bench", runId);
        if (latest?.sequence !== 999) throw new Error(`Expected 999, not ${latest?.sequence}`);
      }
    },
  });
}

const RUNS = 1_000;
const lists = await makeStore();
for (let run = 0; run < RUNS; run++) {
  for (let sequence = 0; sequence < 5; sequence++) {
    await save(lists.store, `run-${run}`, sequence);
  }
}
async function list(): Promise<void> {
  const runs = await Array.fromAsync(new FileCheckpointer(lists.root).listRuns("bench"));
  if (runs.length !== RUNS) throw new Error(`Expected ${RUNS} runs, not ${runs.length}`);
}

benchRatio({
  name:
    "a list of 1,000 runs of 5 checkpoints, beside listing 1,000 folders and reading as many files",
  unit: "run",
  units: RUNS,
  mostTimes: 1.6,
  // deno-lint-ignore require-await -- what it is compared with awaits
  async floor() {
    const parent = join(lists.root, "bench");
    for (const { name } of Deno.readDirSync(parent)) {
      const names = [...Deno.readDirSync(join(parent, name))];
      if (names.length !== 7) throw new Error(`Expected 7 files, not ${names.length}`);
      JSON.parse(Deno.readTextFileSync(join(parent, name, "000004_deployer.json")));
    }
  },
  work: list,
});
benchTime({
  name: "a list of 1,000 runs of 5 checkpoints",
  unit: "list",
  units: 1,
  mostMicroseconds: 20_000,
  work: list,
});
