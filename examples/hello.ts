// The smallest durable pipeline: every step is kept in ./checkpoints. Run: deno task example hello
import { definePipeline, END, unchecked } from "@firefly/pipeline";
import { FileCheckpointer } from "@firefly/pipeline/file";

const hello = definePipeline({
  name: "hello",
  state: unchecked<{ name: string; text: string }>(),
  nodes: { greet: (s) => ({ text: `Hello, ${s.name}` }), cheer: (s) => ({ text: `${s.text}!` }) },
  start: "greet",
  edges: { greet: "cheer", cheer: END },
}, { checkpointer: new FileCheckpointer("./checkpoints") });

const { status, state, runId } = await hello.invoke({ name: Deno.args[0] ?? "world" });
console.log(`${state.text} Run ${runId} is ${status} and kept in ./checkpoints/hello/${runId}`);
