// Runs the benchmarks and holds them against their limits:
// deno run -A tools/bench.ts [file or option of deno bench]
import { withPackages } from "./deno.ts";
import { settlePackages } from "./stand_ins.ts";

/** At most so many microseconds for each of the units that one iteration does. */
interface TimeLimit {
  readonly bench: string;
  readonly units: number;
  readonly unit: string;
  readonly mostMicroseconds: number;
}

/** At most so many times what the other one takes in the same run. */
interface RatioLimit {
  readonly bench: string;
  readonly floor: string;
  readonly mostTimes: number;
}

const TIME_LIMITS: readonly TimeLimit[] = [
  { bench: "saves, @db/postgres", units: 50, unit: "save", mostMicroseconds: 1_000 },
  { bench: "cycle of 10,000 steps", units: 10_000, unit: "step", mostMicroseconds: 2 },
  { bench: "cycle of 100,000 steps", units: 100_000, unit: "step", mostMicroseconds: 2 },
  { bench: "fan-out of 1,000 workers", units: 1_000, unit: "worker", mostMicroseconds: 3 },
];

const RATIO_LIMITS: readonly RatioLimit[] = [
  { bench: "checkpointed steps, 100 of them", floor: "bare files, 100 of them", mostTimes: 1.3 },
  ...["node-postgres", "postgres.js", "@db/postgres"].map((driver) => ({
    bench: `saves, ${driver}`,
    floor: `bare inserts, ${driver}`,
    mostTimes: 1.25,
  })),
  {
    bench: "loads of the latest of 1,000, node-postgres",
    floor: "bare look-ups, node-postgres",
    mostTimes: 1.5,
  },
];

interface BenchReport {
  readonly benches: readonly {
    readonly name: string;
    readonly results: readonly { readonly ok?: { readonly avg: number; readonly min: number } }[];
  }[];
}

/** Average nanoseconds of an iteration, by name. */
async function runBenches(args: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: withPackages(["bench", "-A", "--json", ...args]),
    stderr: "inherit",
  }).output();
  if (code !== 0) Deno.exit(code);
  const report: BenchReport = JSON.parse(new TextDecoder().decode(stdout));
  return new Map(report.benches.flatMap(({ name, results }) => {
    const average = results[0]?.ok?.avg;
    return average === undefined ? [] : [[name, average]];
  }));
}

function show(what: string, measured: string, limit: string, isKept: boolean): boolean {
  const verdict = isKept ? "ok" : "OVER ITS LIMIT";
  console.log(
    `  ${what.padEnd(44)} ${measured.padStart(18)}   at most ${limit.padEnd(9)} ${verdict}`,
  );
  return isKept;
}

function checkTime(limit: TimeLimit, times: ReadonlyMap<string, number>): boolean {
  const time = times.get(limit.bench);
  if (time === undefined) return true;
  const microseconds = time / 1000 / limit.units;
  return show(
    limit.bench,
    `${microseconds.toFixed(2)} us a ${limit.unit}`,
    `${limit.mostMicroseconds} us`,
    microseconds <= limit.mostMicroseconds,
  );
}

function checkRatio(limit: RatioLimit, times: ReadonlyMap<string, number>): boolean {
  const [time, floor] = [times.get(limit.bench), times.get(limit.floor)];
  if (time === undefined || floor === undefined) return true;
  const ratio = time / floor;
  return show(
    limit.bench,
    `${ratio.toFixed(2)} x ${limit.floor.split(",")[0]}`,
    `${limit.mostTimes} x`,
    ratio <= limit.mostTimes,
  );
}

await settlePackages();
const times = await runBenches(Deno.args);
for (const [name, time] of times) {
  console.log(`  ${name.padEnd(44)} ${(time / 1e6).toFixed(3).padStart(12)} ms`);
}
console.log("\nAgainst the limits:");
const kept = [
  ...TIME_LIMITS.map((limit) => checkTime(limit, times)),
  ...RATIO_LIMITS.map((limit) => checkRatio(limit, times)),
];
if (kept.includes(false)) Deno.exit(1);
