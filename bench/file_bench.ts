import { join } from "@std/path";
import { FileCheckpointer } from "../backends/file.ts";
import { definePipeline, END, unchecked } from "../mod.ts";
import { benchRatio } from "./measure.ts";

const STEPS = 50;
/** What a checkpoint of the pipeline below takes. */
const CHECKPOINT_BYTES = 570;

const bytes = new TextEncoder().encode("x".repeat(CHECKPOINT_BYTES));

/** Below the working folder: the system's folder for temporary files may lie in memory. */
let folder = "";

/** What one durable file costs: written, synced, linked into place, its first name removed. */
async function bareFile(name: string): Promise<void> {
  const draft = join(folder, `.${name}`);
  const file = Deno.openSync(draft, { write: true, createNew: true });
  file.writeSync(bytes);
  await file.syncData();
  file.close();
  Deno.linkSync(draft, join(folder, name));
  Deno.removeSync(draft);
}

benchRatio({
  name: "a checkpointed step on files",
  unit: "step",
  units: STEPS + 1,
  mostTimes: 1.3,
  async setUp() {
    folder = await Deno.makeTempDir({ dir: ".", prefix: ".bench-" });
  },
  tearDown: () => Deno.remove(folder, { recursive: true }),
  async floor() {
    for (let step = 0; step <= STEPS; step++) await bareFile(`${step}.json`);
  },
  async work() {
    const pipeline = definePipeline({
      name: "cycle",
      state: unchecked<{ count: number; text: string }>(),
      nodes: { add: (state) => ({ count: state.count + 1 }) },
      start: "add",
      edges: { add: (state) => state.count < STEPS ? "add" : END },
    }, { checkpointer: new FileCheckpointer(folder), recursionLimit: Infinity });
    await pipeline.invoke({ count: 0, text: "x".repeat(50) });
  },
});
