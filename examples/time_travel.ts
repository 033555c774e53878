// Looks into the past of a run, and tries another way from there. Run: deno task example time_travel
import {
  append,
  definePipeline,
  diffCheckpoints,
  END,
  MemoryCheckpointer,
  unchecked,
} from "@firefly/pipeline";

const essay = definePipeline({
  name: "essay",
  state: unchecked<{ topic: string; outline: string; text: string; log: string[] }>(),
  reducers: { log: append },
  nodes: {
    outline: ({ topic }) => ({ outline: `three points on ${topic}`, log: "outlined" }),
    write: ({ outline }) => ({ text: `An essay with ${outline}.`, log: "written" }),
  },
  start: "outline",
  edges: { outline: "write", write: END },
}, { checkpointer: new MemoryCheckpointer() });

const { runId } = await essay.invoke({ topic: "tea", log: [] });
const history = await Array.fromAsync(essay.history(runId));
for (const [index, entry] of history.entries()) {
  const older = history[index + 1];
  const changed = older === undefined ? [] : Object.keys(diffCheckpoints(older, entry).fields);
  console.log(`${entry.sequence}  ${entry.nodeId.padEnd(9)}  ${changed.join(", ")}`.trimEnd());
}

// The outline was checkpoint 1. From there on with another one; the first run stays as it is.
const fork = await essay.fork(runId, { sequence: 1, update: { outline: "one point on coffee" } });
console.log(fork.state.text);
const start = (await Array.fromAsync(essay.history(fork.runId))).at(-1);
console.log(`forked from checkpoint ${start?.forkedFrom?.sequence} of the first run`);
