/**
 * The table and what has to be said about it, in Markdown.
 *
 * @module
 */

import { isItself } from "./entries.ts";
import type { Machine } from "./machine.ts";
import type { Spread } from "./figures.ts";
import { type Results, spread } from "./results.ts";
import { count, type Row, rowsFor, showBytes } from "./rows.ts";

/** The page of the figures. */
export function figuresPage(results: Results): string {
  const setUps = results.peers.map(({ name, setUp }) => `- **${name}**: ${setUp}.`);
  return `# Figures

Written by \`deno task bench:peers\`; see [performance](../performance.md) for what they mean.

${summary(results)}

![The same figures as a chart](chart.svg)

## How it was measured

${METHOD}

Every peer is set up as its own documentation says, at its best:

${setUps.join("\n")}

Packages: ${results.packages.join(", ")}.

${NOTES}

${arithmetic(results)}`;
}

/** The table, and where it comes from: what the README shows. */
export function summary(results: Results): string {
  const rounds = Math.max(...results.peers.map((peer) => peer.rounds.length));
  return `${table(results)}

Medians, with the lowest and the highest, of ${
    rounds === 1 ? "1 round" : `${rounds} rounds`
  }. ${results.date}, ${
    describe(results.machine)
  }; one step is one durable checkpoint, \`fsync\` is on.`;
}

function table(results: Results): string {
  const { peers, sizes } = results;
  const lines = rowsFor(sizes).map((row) => [
    `${row.workload}: **${row.unit}**`,
    ...peers.map((peer) => cell(row, spread(peer, row.figure))),
  ]);
  const head = ["", ...peers.map((peer) => isItself(peer) ? `**${peer.name}**` : peer.name)];
  return [head, head.map((_, column) => column === 0 ? "---" : "--:"), ...lines]
    .map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function cell(row: Row, found: Spread | undefined): string {
  if (found === undefined) return "-";
  const [median, low, high] = [found.median, found.low, found.high].map(row.show);
  return low === high ? `${median}` : `${median} (${low} to ${high})`;
}

function describe({ cpu, cores, memoryGiB, os, deno, postgres }: Machine): string {
  return `${cpu}, ${cores} cores, ${memoryGiB} GiB, ${os}, Deno ${deno}, PostgreSQL ${postgres} on ` +
    "the same machine";
}

const METHOD = `One throw-away PostgreSQL with its defaults. Each peer is measured in a process and
an empty database of its own, one process at a time; the rounds go from peer to peer in turns. A
process warms up with all workloads at a small size before anything counts. Bytes are how much
\`sum(pg_total_relation_size)\` of all the peer's tables grew by the workload, with indexes and TOAST,
from right after a \`VACUUM FULL\` to the end of the run; the text is of letters that do not compress. Resuming is measured from
the call to the beginning of the next node, in a process that has the code loaded.`;

const NOTES =
  `"-": the peer has no such thing. DBOS has no engine without its database. Mastra keeps one
row a run and writes it anew when a step begins, so what its tables grow by are mostly versions of that
row which a vacuum frees for the next ones; it keeps no history of a run, and in a fan-out it saves when
a worker begins, not what a worker returned. DBOS stores what a step returns, no state, and
resumes by running the workflow again from its beginning with the stored results; it grows with the
steps taken. The bare \`INSERT\` stores the item under the run and the step, and asks nothing: the
least that a step could cost.`;

/** What one database carries by these figures, with the sums shown. */
function arithmetic({ peers, sizes }: Results): string {
  const itself = peers.find(isItself);
  const rate = itself && spread(itself, "manyRunsPerSecond")?.median;
  const stored = itself && spread(itself, "appendingBytes")?.median;
  if (rate === undefined || stored === undefined) return "";
  const daily = rate * SECONDS_A_DAY;
  return `## What one Postgres carries by these figures

With ${count(sizes.manyRuns)} runs at once, one process and one server that share this machine take
${count(rate)} steps a second:

- ${count(rate)} steps/s x ${count(SECONDS_A_DAY)} s = ${count(daily)} steps a day.
- An agent's run of ${RUN_STEPS} steps: ${count(rate)} / ${RUN_STEPS} = ${
    count(rate / RUN_STEPS)
  } runs
  begun and finished a second, ${count(daily / RUN_STEPS)} a day.
- A node that asks a model takes about ${MODEL_SECONDS} s, and its checkpoint is nothing beside it: ${
    count(rate)
  } steps/s x ${MODEL_SECONDS} s = ${count(rate * MODEL_SECONDS)} runs under way at once.
- Disk, at ${showBytes(stored)} a step: ${count(daily)} x ${showBytes(stored)} = ${
    showBytes(daily * stored)
  } a day at full load, so ${
    showBytes(daily * stored * RETENTION_DAYS)
  } for a history of ${RETENTION_DAYS} days.
`;
}

const SECONDS_A_DAY = 86_400;
const RUN_STEPS = 50;
const MODEL_SECONDS = 2;
const RETENTION_DAYS = 7;
