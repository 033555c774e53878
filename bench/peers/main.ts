// Compares this package with its peers, and publishes what came out:
// deno task bench:peers [--quick] [--rounds 5] [--peers firefly,dbos]
import { toFileUrl } from "@std/path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { startPostgres } from "../../tests/servers/postgres.ts";
import { compare } from "./compare.ts";
import { ENTRIES, type Entry } from "./entries.ts";
import { FIGURES, writeFigures, writeReadme } from "./publish.ts";
import { FULL, QUICK } from "./sizes.ts";
import { summary } from "./table.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    peers: { type: "string" },
  },
});
const entries = chooseEntries(values.peers);
const rounds = Number(values.rounds ?? (values.quick ? 1 : 5));
if (!Number.isInteger(rounds) || rounds < 1) {
  throw new RangeError(`Cannot measure ${values.rounds} rounds: it must be a whole number from 1`);
}

const [load = 0] = Deno.loadavg();
if (load > navigator.hardwareConcurrency / 4) {
  console.error(`The machine is busy (load ${load.toFixed(1)}): measure when it is quiet`);
}

await using server = await startPostgres("");
const results = await compare(server, entries, values.quick ? QUICK : FULL, rounds);
console.log(summary(results));
if (values.quick || entries.length < ENTRIES.length) {
  const folder = await Deno.makeTempDir({ prefix: "firefly-figures-" });
  await writeFigures(toFileUrl(`${folder}/`), results);
  console.error(`Wrote ${folder}; only a whole comparison is published`);
} else {
  await writeFigures(FIGURES, results);
  await writeReadme(results);
  console.error(`Wrote ${fileURLToPath(FIGURES)} and the figures in README.md`);
}

function chooseEntries(named: string | undefined): readonly Entry[] {
  if (named === undefined) return ENTRIES;
  const ids = named.split(",");
  const unknown = ids.filter((id) => !ENTRIES.some((entry) => entry.id === id));
  if (unknown.length === 0) return ENTRIES.filter(({ id }) => ids.includes(id));
  const all = ENTRIES.map(({ id }) => id).join(", ");
  throw new RangeError(`Cannot measure ${unknown.join(", ")}: the peers are ${all}`);
}
