// Runs every check of the package and says which of them failed:
// deno run -A tools/ok.ts [--without test,publish] [--logs folder]
import { parseArgs } from "node:util";
import denoJson from "../deno.json" with { type: "json" };
import { forwardSignals, withPackages } from "./deno.ts";
import { settlePackages } from "./stand_ins.ts";
import { countTests, describeCounts } from "./test_counts.ts";

interface Part {
  readonly name: string;
  readonly args: readonly string[];
}

interface Outcome {
  readonly code: number;
  readonly seconds: number;
  readonly output: string;
}

const PARTS: readonly Part[] = [
  { name: "format", args: ["fmt", "--check"] },
  { name: "lint", args: ["lint"] },
  { name: "types", args: ["check"] },
  { name: "docs", args: ["doc", "--lint", ...Object.values(denoJson.exports)] },
  {
    name: "snippets",
    args: ["test", "-A", "--doc", "README.md", "mod.ts", "pipeline", "backends", "http", "otel"],
  },
  { name: "test", args: ["test", "-A", "--sanitize-ops", "--sanitize-resources"] },
  { name: "publish", args: ["publish", "--dry-run", "--allow-dirty"] },
];

/** The exit codes of a part that SIGINT or SIGTERM ended: the other parts are not wanted either. */
const STOPPED: ReadonlySet<number> = new Set([130, 143]);

function chooseParts(without: readonly string[]): Part[] {
  const unknown = without.filter((name) => !PARTS.some((part) => part.name === name));
  if (unknown.length > 0) {
    const names = PARTS.map((part) => part.name).join(", ");
    throw new RangeError(`Cannot leave out ${unknown.join(", ")}: the parts are ${names}`);
  }
  return PARTS.filter((part) => !without.includes(part.name));
}

async function run(part: Part): Promise<Outcome> {
  const started = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: withPackages(part.args),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  forwardSignals(child);
  const chunks: string[] = [];
  await Promise.all([collect(child.stdout, chunks), collect(child.stderr, chunks)]);
  const { code } = await child.status;
  return { code, seconds: (performance.now() - started) / 1000, output: chunks.join("") };
}

/** Both streams of a part go to one list, in the order in which they arrive. */
async function collect(stream: ReadableStream<BufferSource>, chunks: string[]): Promise<void> {
  for await (const text of stream.pipeThrough(new TextDecoderStream())) chunks.push(text);
}

function describe({ name }: Part, { code, seconds, output }: Outcome): string {
  const counts = countTests(output);
  const line = [
    name.padEnd(8),
    (code === 0 ? "ok" : "FAILED").padEnd(6),
    `${seconds.toFixed(1).padStart(6)} s`,
    counts ? describeCounts(counts) : "",
  ].join("  ").trimEnd();
  return code === 0 ? line : `${line}\n\n${output.trim()}\n`;
}

const { values } = parseArgs({
  args: Deno.args,
  options: { without: { type: "string", multiple: true }, logs: { type: "string" } },
});
const parts = chooseParts((values.without ?? []).flatMap((names) => names.split(",")));
await settlePackages();

const failed: string[] = [];
for (const part of parts) {
  const outcome = await run(part);
  console.log(describe(part, outcome));
  if (values.logs) await Deno.writeTextFile(`${values.logs}/${part.name}.log`, outcome.output);
  if (outcome.code !== 0) failed.push(part.name);
  if (STOPPED.has(outcome.code)) Deno.exit(outcome.code);
}
if (failed.length > 0) {
  console.log(`FAILED: ${failed.join(", ")}`);
  Deno.exit(1);
}
