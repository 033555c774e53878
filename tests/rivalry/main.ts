// Lets processes fight over runs for as long as one likes; see tests/rivalry/rivalry.ts.
import { parseArgs } from "node:util";
import { anySeed, backendOf, numberOf } from "../harness_flags.ts";
import { placesOf } from "../places/place.ts";
import { rivalry } from "./rivalry.ts";

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
for (const [outcome, count] of [...outcomes].sort()) {
  console.log(`${String(count).padStart(7)}  ${outcome}`);
}
console.log(
  `${backend}, seed ${seed}: ${operations} operations in ${seconds} s, ${saves} saves, lost: 0`,
);
