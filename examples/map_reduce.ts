// Counts words in 1,000 chunks of a text side by side, and adds the counts up in a join.
// Run: deno task example map_reduce
import { append, definePipeline, END, send, unchecked } from "@firefly/pipeline";
import { FileCheckpointer } from "@firefly/pipeline/file";

type Counts = ReadonlyMap<string, number>;

interface Job {
  readonly text: string;
  readonly chunks: readonly string[];
  /** Which chunk a mapper was sent. */
  readonly chunk: number;
  /** One entry a chunk, in the order of the chunks, whichever mapper ends first. */
  readonly counted: readonly Counts[];
  readonly total: Counts;
}

const CHUNKS = 1_000;
const folder = await Deno.makeTempDir({ prefix: "map-reduce-" });
let saves = 0;

const wordCount = definePipeline({
  name: "word-count",
  state: unchecked<Job>(),
  reducers: { counted: append },
  nodes: {
    split: ({ text }) => ({ chunks: split(text) }),
    map: ({ chunks, chunk }) => ({ counted: countWords(chunks[chunk] ?? "") }),
    reduce: ({ counted }) => ({ total: add(counted) }),
  },
  start: "split",
  edges: {
    split: {
      route: ({ chunks }) => chunks.map((_, chunk) => send("map", { chunk })),
      to: ["map"],
    },
    map: "reduce",
    reduce: END,
  },
}, {
  checkpointer: new FileCheckpointer(folder),
  onEvent: ({ type }) => saves += type === "checkpointSaved" ? 1 : 0,
});

function split(text: string): string[] {
  const words = text.split(" ");
  const size = Math.ceil(words.length / CHUNKS);
  return Array.from(
    { length: CHUNKS },
    (_, index) => words.slice(index * size, (index + 1) * size).join(" "),
  );
}

function countWords(text: string): Counts {
  return add(text.split(" ").map((word) => new Map([[word, 1]])));
}

function add(many: readonly Counts[]): Counts {
  const total = new Map<string, number>();
  for (const counts of many) {
    for (const [word, count] of counts) total.set(word, (total.get(word) ?? 0) + count);
  }
  return total;
}

/** A text that is the same on every machine: few words are common, most are rare. */
function makeText(length: number): string {
  const words = "the of and to in a is that it was for on are with as his they be at one have this"
    .split(" ");
  let seed = 1;
  const next = () => (seed = seed * 48_271 % 2_147_483_647) / 2_147_483_647;
  return Array.from({ length }, () => words[Math.floor(next() ** 3 * words.length)]).join(" ");
}

const text = makeText(100_000);
const started = performance.now();
const { status, state, completedNodes } = await wordCount.invoke({ text });
const seconds = (performance.now() - started) / 1000;

const top = [...state.total].sort(([, one], [, other]) => other - one).slice(0, 5);
for (const [word, count] of top) console.log(`${word.padEnd(6)} ${String(count).padStart(7)}`);
const words = [...state.total.values()].reduce((sum, count) => sum + count, 0);
console.log(
  `${status}: ${words} words in ${CHUNKS} chunks, ${completedNodes.length} tasks and ${saves} ` +
    `checkpoints in ${seconds.toFixed(2)} s`,
);
await Deno.remove(folder, { recursive: true });
