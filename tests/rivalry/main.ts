// Lets processes fight over runs for as long as one likes; see tests/rivalry/rivalry.ts.
import { parseArgs } from "node:util";
import { figuresText } from "../figures.ts";
import { anySeed, backendOf, numberOf } from "../harness_flags.ts";
import { placesOf } from "../places/place.ts";
import { rivalry, RIVALS, RUNS } from "./rivalry.ts";

const USAGE = "deno task rivalry [--seconds 60] [--backend postgres] [--seed 1]";

const { values: flags } = parseArgs({
  args: Deno.args,
  options: {
    seconds: { type: "string", default: "60" },
    backend: { type: "string", default: "postgres" },
    seed: { type: "string", default: anySeed() },
  },
});
const backend = backendOf(flags.backend, USAGE);
const seconds = numberOf("seconds", flags.seconds, USAGE);
const seed = numberOf("seed", flags.seed, USAGE);

const makePlace = await placesOf(backend);
const { operations, outcomes, saves } = await rivalry({ makePlace, seed, seconds });
console.log(figuresText(`rivalry on ${backend}, seed ${seed}`, [
  ["operations", operations, `by ${RIVALS} processes on ${RUNS} runs`],
  ["saves", saves, "that came back"],
  ["seconds", seconds],
  ["lost", 0],
]));
console.log(figuresText("outcomes", [...outcomes].sort()));
