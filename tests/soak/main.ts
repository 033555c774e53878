// Takes many runs to their end over a store that does not come to rest; see tests/soak/soak.ts.
import { parseArgs } from "node:util";
import { figuresText, megabytes } from "../figures.ts";
import { anySeed, backendOf, numberOf } from "../harness_flags.ts";
import { placesOf } from "../places/place.ts";
import { STEPS } from "./runs.ts";
import { MOST_GROWTH, soak } from "./soak.ts";

const USAGE =
  "deno task soak [--backend postgres] [--runs 2000] [--concurrency 100] [--seed 1] [--pace 100]";

const { values: flags } = parseArgs({
  args: Deno.args,
  options: {
    backend: { type: "string", default: "postgres" },
    runs: { type: "string", default: "2000" },
    concurrency: { type: "string", default: "100" },
    seed: { type: "string", default: anySeed() },
    pace: { type: "string", default: "100" },
  },
});
const backend = backendOf(flags.backend, USAGE);
const runs = numberOf("runs", flags.runs, USAGE);
const concurrency = numberOf("concurrency", flags.concurrency, USAGE);
const seed = numberOf("seed", flags.seed, USAGE);
const paceMs = numberOf("pace", flags.pace, USAGE);

const figures = await soak({
  makePlace: await placesOf(backend),
  runs,
  concurrency,
  seed,
  paceMs,
  faultEveryMs: 1_000,
});
const { lost, left, heap: [before, after] } = figures;
const faults = [...figures.faults.values()].reduce((sum, count) => sum + count, 0);
console.log(figuresText(`soak on ${backend}, seed ${seed}`, [
  ["runs", figures.runs, `of ${STEPS} steps, ${concurrency} at a time`],
  ["steps", figures.steps, `${figures.steps - figures.runs * STEPS} of them again`],
  ["operations", figures.operations, "of the store"],
  ["faults", faults, [...figures.faults].map(([name, count]) => `${count} ${name}`).join(", ")],
  ["interrupted", figures.interrupted, "calls of the pipeline, each gone on with"],
  ["seconds", Math.round(figures.seconds)],
  ["heap", megabytes(after), `${megabytes(before)} before`],
  ["left", left.length, "connections, files and locks"],
  ["lost", lost.length],
]));
const grown = after - before > MOST_GROWTH ? ["the heap has grown"] : [];
const problems = [...lost, ...left, ...grown];
for (const problem of problems.slice(0, 20)) console.error(problem);
if (problems.length > 0) Deno.exitCode = 1;
