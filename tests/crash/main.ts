// Kills the workers of runs, for as many runs as one likes; see tests/crash/crash.ts.
import { parseArgs } from "node:util";
import type { Durability } from "../../mod.ts";
import { figuresText } from "../figures.ts";
import { anySeed, backendOf, numberOf, refuse } from "../harness_flags.ts";
import { placesOf } from "../places/place.ts";
import { crash } from "./crash.ts";

const USAGE = "deno task crash [--runs 100] [--backend postgres] [--seed 1] [--durability sync]";

const DURABILITIES: readonly Durability[] = ["sync", "async", "exit"];

const { values: flags } = parseArgs({
  args: Deno.args,
  options: {
    runs: { type: "string", default: "100" },
    backend: { type: "string", default: "postgres" },
    seed: { type: "string", default: anySeed() },
    durability: { type: "string" },
  },
});
const durability = DURABILITIES.find((known) => known === flags.durability);
if (durability !== flags.durability) {
  refuse(USAGE, `--durability must be one of ${DURABILITIES.join(", ")}`);
}
const backend = backendOf(flags.backend, USAGE);
const runs = numberOf("runs", flags.runs, USAGE);
const seed = numberOf("seed", flags.seed, USAGE);

const makePlace = await placesOf(backend);
const started = performance.now();
const figures = await crash({
  makePlace,
  seed,
  durability,
  goesOn: (so) => so.runs < runs,
});
const seconds = Math.round((performance.now() - started) / 1_000);
console.log(figuresText(`crash on ${backend}, seed ${seed}`, [
  ["runs", figures.runs, "each gone on with until it was completed"],
  ["kills", figures.kills, "of processes that were at work"],
  ["seconds", seconds],
  ["lost", 0],
]));
