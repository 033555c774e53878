/**
 * Writes what a comparison found where readers look for it.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { chart } from "./chart.ts";
import type { Results } from "./results.ts";
import { figuresPage, summary } from "./table.ts";

const ROOT = new URL("../../", import.meta.url);

/** The page of the figures, the chart, and the figures themselves. */
export const FIGURES = new URL("docs/performance/", ROOT);

const README = new URL("README.md", ROOT);
/** Between these two lines the README shows the summary. */
const FROM = "<!-- figures: written by deno task bench:peers -->";
const TO = "<!-- end of figures -->";

/** Writes all that is shown of a comparison into a folder. */
export async function writeFigures(folder: URL, results: Results): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const files: readonly (readonly [name: string, text: string])[] = [
    ["results.json", JSON.stringify(results, null, 2) + "\n"],
    ["figures.md", figuresPage(results)],
    ["chart.svg", chart(results)],
  ];
  for (const [name, text] of files) await Deno.writeTextFile(new URL(name, folder), text);
  await format(files.map(([name]) => new URL(name, folder)));
}

/** Puts the summary of a comparison in the place of the one that the README shows. */
export async function writeReadme(results: Results): Promise<void> {
  const text = await Deno.readTextFile(README);
  const [start, end] = [text.indexOf(FROM), text.indexOf(TO)];
  if (start < 0 || end < start) {
    throw new Error(`Cannot write the figures into the README: it has no ${FROM} before ${TO}`);
  }
  const before = text.slice(0, start + FROM.length);
  await Deno.writeTextFile(README, `${before}\n\n${summary(results)}\n\n${text.slice(end)}`);
  await format([README]);
}

async function format(files: readonly URL[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "fmt",
      "--quiet",
      "--config",
      fileURLToPath(new URL("deno.json", ROOT)),
      ...files.map((file) => fileURLToPath(file)),
    ],
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`Cannot format the figures: ${new TextDecoder().decode(stderr)}`);
}
