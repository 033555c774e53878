import { type Checkpointer, definePipeline, END, unchecked } from "../mod.ts";

/** The state of a {@linkcode cycle}. */
interface Counted {
  readonly count: number;
  readonly text: string;
}

/** A cycle of one node that counts beside a text. */
export function cycle(checkpointer: Checkpointer, steps: number) {
  return definePipeline({
    name: "cycle",
    state: unchecked<Counted>(),
    nodes: { add: (state) => ({ count: state.count + 1 }) },
    start: "add",
    edges: { add: (state) => state.count < steps ? "add" : END },
  }, { checkpointer, recursionLimit: Infinity });
}
