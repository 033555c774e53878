// Keeps what is needed of the past, and no more. Run: deno task example retention
import { definePipeline, END, MemoryCheckpointer, unchecked } from "@firefly/pipeline";

const reports = definePipeline({
  name: "reports",
  state: unchecked<{ page: number; pages: number }>(),
  nodes: { print: ({ page }) => ({ page: page + 1 }) },
  start: "print",
  edges: { print: ({ page, pages }) => page < pages ? "print" : END },
}, { checkpointer: new MemoryCheckpointer() });

for (const pages of [5, 10, 20]) {
  await reports.invoke({ page: 0, pages }, { runId: `${pages} pages` });
}

// From a scheduler, once a day: the last two checkpoints of what ended are enough.
const { checkpoints } = await reports.prune({ keepLast: 2 });
console.log(`${checkpoints} checkpoints removed`);
for await (const { runId } of reports.listRuns()) {
  const history = await Array.fromAsync(reports.history(runId));
  console.log(`${runId}: checkpoints ${history.map(({ sequence }) => sequence).join(", ")}`);
}

// What ended a month ago may go as a whole; nothing here is that old.
const { runs } = await reports.prune({ olderThanMs: 30 * 86_400_000 });
console.log(`${runs} runs removed`);
