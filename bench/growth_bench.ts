import { append, type Checkpointer, definePipeline, END, send, unchecked } from "../mod.ts";
import { benchRatio } from "./measure.ts";

const STEPS = 5_000;
const TENTH = STEPS / 10;
const WORKERS = 1_000;

/** Takes every record and its change, answers at once, and keeps neither. */
function takingStore(onSave: (sequence: number) => void = () => {}): Checkpointer {
  return {
    save({ sequence }) {
      onSave(sequence);
      return Promise.resolve();
    },
    loadLatest: () => Promise.resolve(undefined),
    async *listRuns() {},
    async *history() {},
    deleteRun: () => Promise.resolve(),
  };
}

/** Runs a cycle that appends 50 bytes a step; the times in ms of its first and last tenth. */
async function grow(): Promise<{ readonly first: number; readonly last: number }> {
  const times = new Map<number, number>();
  const checkpointer = takingStore((sequence) => {
    if (sequence % TENTH === 0) times.set(sequence, performance.now());
  });
  const pipeline = definePipeline({
    name: "growing",
    state: unchecked<{ count: number; log: string[] }>(),
    reducers: { log: append },
    nodes: {
      add: ({ count }) => ({ count: count + 1, log: `${count}`.padStart(50, "x") }),
    },
    start: "add",
    edges: { add: ({ count }) => count < STEPS ? "add" : END },
  }, { checkpointer, recursionLimit: Infinity });
  const { state } = await pipeline.invoke({ count: 0, log: [] });
  if (state.log.length !== STEPS) throw new Error(`Expected ${STEPS}, not ${state.log.length}`);
  const at = (sequence: number) => times.get(sequence) ?? NaN;
  return { first: at(TENTH) - at(0), last: at(STEPS) - at(STEPS - TENTH) };
}

/**
 * Copies the two lists that a record of the last tenth holds and nobody may change: the one that
 * grows and the nodes that finished. The time in ms.
 */
function copyBare(): number {
  const list = Array.from({ length: STEPS }, (_, index) => `${index}`);
  const kept: (readonly string[])[] = [];
  const started = performance.now();
  for (let step = 0; step < TENTH; step++) {
    kept[0] = Object.freeze(list.slice(0, STEPS - TENTH + step));
    kept[1] = list.slice(0, STEPS - TENTH + step);
  }
  return performance.now() - started;
}

benchRatio({
  name: "the last tenth of 5,000 steps that append, against the first and two bare copies of lists",
  unit: "step",
  units: TENTH,
  mostTimes: 1.2,
  floor: async () => (await grow()).first + copyBare(),
  work: async () => (await grow()).last,
});

/** A fan-out to workers that finish at many times, each of them saved when it does, if anywhere. */
function fanOut(workers: number, checkpointer?: Checkpointer): () => Promise<void> {
  const items = Array.from({ length: workers }, (_, item) => item);
  const pipeline = definePipeline({
    name: "fan-out",
    state: unchecked<{ item: number; results: number[] }>(),
    reducers: { results: append },
    nodes: {
      split: () => {},
      work: async ({ item }) => {
        for (let turn = 0; turn < item % 100; turn++) await undefined;
        return { results: item };
      },
      join: () => {},
    },
    start: "split",
    edges: { split: () => items.map((item) => send("work", { item })), work: "join", join: END },
  }, { checkpointer });
  return async () => {
    const { state } = await pipeline.invoke({ item: 0, results: [] });
    if (state.results.length !== workers) throw new Error(`Only ${state.results.length} finished`);
  };
}

const narrow = fanOut(WORKERS, takingStore());
const wide = fanOut(WORKERS * 4, takingStore());

benchRatio({
  name: "a fan-out of 1,000 workers saved by a store that answers at once, against an unsaved one",
  unit: "worker",
  units: WORKERS,
  mostTimes: 3.5,
  floor: fanOut(WORKERS),
  work: narrow,
});

benchRatio({
  name: "a saved fan-out of 4,000 workers, against four of 1,000",
  unit: "worker",
  units: WORKERS * 4,
  mostTimes: 1.5,
  async floor() {
    for (let run = 0; run < 4; run++) await narrow();
  },
  work: wide,
});
