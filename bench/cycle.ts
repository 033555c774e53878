import {
  type Checkpointer,
  type CheckpointRecord,
  definePipeline,
  END,
  unchecked,
} from "../mod.ts";
import { record } from "./bench_record.ts";

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

/** A record like the one that a {@linkcode cycle} has stored whole after so many steps. */
export function cycleRecord(runId: string, steps: number, text: string): CheckpointRecord {
  return {
    ...record(runId, steps),
    nodeId: "add",
    state: { count: steps, text },
    completedNodes: new Array<string>(steps).fill("add"),
    tasks: [{ node: "add", visit: steps + 1, status: "pending" }],
    writer: "0f8fad5bd9cb469f",
    leaseMs: 30_000,
  };
}
