import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { open as openBare } from "../bench/peers/bare.ts";
import { chart } from "../bench/peers/chart.ts";
import { medianOf, spreadOf } from "../bench/peers/figures.ts";
import { open as openItself } from "../bench/peers/firefly.ts";
import { measure } from "../bench/peers/measure.ts";
import { expect, ITEM_BYTES, itemOf, noise, type OpenPeer } from "../bench/peers/peer.ts";
import type { Results } from "../bench/peers/results.ts";
import type { Sizes } from "../bench/peers/sizes.ts";
import { figuresPage, summary } from "../bench/peers/table.ts";
import { startPostgres } from "./servers/postgres.ts";

const server = await startPostgres();

const TINY: Sizes = {
  noOpSteps: 3,
  appendingSteps: 200,
  carryingSteps: 2,
  carriedBytes: 100_000,
  workers: 3,
  fewRuns: 2,
  manyRuns: 3,
  shortSteps: 2,
  otherRuns: 2,
  otherSteps: 2,
  resumes: 1,
};

/** What Postgres takes from the disk at a time. */
const PAGE_BYTES = 8_192;

async function figuresOf(open: OpenPeer) {
  await using database = await server.createDatabase();
  await using peer = await open(database.dsn);
  return await measure(peer, database.dsn, TINY);
}

const RESULTS: Results = {
  date: "2026-01-31",
  machine: {
    cpu: "A <CPU>",
    cores: 2,
    memoryGiB: 8,
    os: "linux",
    deno: "2.9.6",
    postgres: "15.1",
  },
  packages: ["@dbos-inc/dbos-sdk@5.3.0"],
  sizes: TINY,
  peers: [
    {
      id: "firefly",
      name: "Firefly Pipeline 1.0.0",
      shortName: "Firefly Pipeline",
      setUp: "by default",
      rounds: [{ engineUs: 3 }, { engineUs: 1, manyRunsPerSecond: 1_000, appendingBytes: 400 }, {
        engineUs: 2,
      }],
    },
    {
      id: "dbos",
      name: "DBOS 5.3.0",
      shortName: "D&B",
      setUp: "by default",
      rounds: [{ appendingBytes: 4_000 }],
    },
  ],
};

/** The part of a page between its rules for columns and its blanks, which formatting changes. */
function withoutLayout(page: string): string {
  return page.replace(/[\s-]+/g, " ");
}

Deno.test("the comparison measures everything of this package", async () => {
  const figures = await figuresOf(openItself);
  assertEquals(Object.keys(figures).sort(), [
    "appendingBytes",
    "appendingMs",
    "carryingBytes",
    "carryingMs",
    "engineUs",
    "fanOutMs",
    "fewRunsPerSecond",
    "manyRunsPerSecond",
    "resumeMs",
  ]);
  for (const [name, figure] of Object.entries(figures)) assert(figure > 0, `${name} is ${figure}`);
  // The field of 100,000 letters is stored once at least, by the first of the two steps; the last page
  // of what ran before may have had room for some of it.
  const leastBytes = (100_000 - PAGE_BYTES) / 2;
  assert((figures.carryingBytes ?? 0) >= leastBytes, `${figures.carryingBytes} bytes a step`);
});

Deno.test("the comparison leaves out what a peer has no such thing for", async () => {
  const { appendingMs, engineUs, fanOutMs } = await figuresOf(openBare);
  assert(appendingMs !== undefined);
  assertEquals([engineUs, fanOutMs], [undefined, undefined]);
});

Deno.test("bytes a step are those of the tables and their indexes", async () => {
  const { appendingBytes = 0 } = await figuresOf(openBare);
  // 160 bytes are in the table itself, 80 in the index; pages are whole.
  assert(appendingBytes > 200, `${appendingBytes} bytes`);
  assert(appendingBytes < 500, `${appendingBytes} bytes`);
});

Deno.test("work that was not done is not counted", () => {
  assertThrows(() => expect("steps", 99, 100), Error, "Cannot count steps: 99, not 100");
});

Deno.test("what is stored has the length it should, and differs from item to item", () => {
  assertEquals(noise(1_001).length, 1_001);
  assertEquals(noise(1_001), noise(1_001));
  const items = Array.from({ length: 1_000 }, (_, step) => itemOf(step));
  assertEquals(new Set(items).size, 1_000);
  assert(items.every((item) => item.length === ITEM_BYTES));
});

Deno.test("figures are medians, with the lowest and the highest", () => {
  assertEquals(spreadOf([30, 1, 2]), { median: 2, low: 1, high: 30 });
  assertEquals(medianOf([4, 1, 3, 2]), 2.5);
  assertEquals(spreadOf([]), undefined);
});

Deno.test("the table shows medians and ranges, and a dash for what is not there", () => {
  const table = withoutLayout(summary(RESULTS));
  assertStringIncludes(table, "| **Firefly Pipeline 1.0.0** | DBOS 5.3.0 |");
  // Dashes alone are layout.
  assertStringIncludes(summary(RESULTS), "**µs a step** | 2 (1 to 3) | - |");
  assertStringIncludes(table, "**stored a step** | 400 B | 4 KB |");
  assertStringIncludes(table, "2026 01 31, A <CPU>, 2 cores, 8 GiB, linux, Deno 2.9.6");
});

Deno.test("the page of the figures does its sums with the figures of this package", () => {
  const page = withoutLayout(figuresPage(RESULTS));
  assertStringIncludes(page, "1,000 steps/s x 86,400 s = 86,400,000 steps a day");
  assertStringIncludes(page, "86,400,000 x 400 B = 34.6 GB a day");
  assertStringIncludes(page, "DBOS 5.3.0**: by default");
});

Deno.test("the chart has a bar for each figure, as long as the figure, and escapes its texts", () => {
  const svg = chart(RESULTS);
  const [ours, theirs] = [...svg.matchAll(/<rect class="bar" x="\d+" width="([\d.]+)"/g)]
    .map(([, width]) => Number(width)).slice(1, 3);
  assert(ours !== undefined && theirs !== undefined);
  assertStringIncludes(svg, ">D&amp;B<");
  assert(Math.abs(theirs / ours - 10) < 0.2, `${theirs} for 4,000, ${ours} for 400`);
});

Deno.test("the README and the page show the figures that are kept", async () => {
  const read = (path: string) => Deno.readTextFile(new URL(`../${path}`, import.meta.url));
  const kept: Results = JSON.parse(await read("docs/performance/results.json"));
  for (
    const [path, shown] of [["README.md", summary], [
      "docs/performance/figures.md",
      figuresPage,
    ]] as const
  ) {
    const isShown = withoutLayout(await read(path)).includes(withoutLayout(shown(kept)).trim());
    assert(isShown, `${path} differs from docs/performance/results.json: write both anew`);
  }
});
