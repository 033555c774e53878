/**
 * What changed between two checkpoints of a run's history.
 *
 * @module
 */

import { encode } from "./codec.ts";
import type { HistoryEntry } from "./history.ts";
import { isSameJson } from "./json.ts";

/** One field of the state that differs between two checkpoints. */
export interface FieldDiff {
  /** Its value at the first one; absent if the state did not have it. */
  readonly before?: unknown;
  /** Its value at the second one; absent if the state no longer has it. */
  readonly after?: unknown;
}

/** What differs between two checkpoints. */
export interface CheckpointDiff<State> {
  /** The fields of the state that differ. */
  readonly fields: { readonly [Field in keyof State]?: FieldDiff };
  /** The node of every visit that finished in between, in order. */
  readonly finished: readonly string[];
}

/**
 * Tells what changed from one checkpoint of a run to a later one.
 *
 * @example
 * ```ts
 * import { definePipeline, diffCheckpoints, END, MemoryCheckpointer, unchecked } from "@firefly/pipeline";
 * import { assertEquals } from "@std/assert";
 *
 * const counter = definePipeline({
 *   name: "counter",
 *   state: unchecked<{ count: number }>(),
 *   nodes: { add: (state) => ({ count: state.count + 1 }) },
 *   start: "add",
 *   edges: { add: END },
 * }, { checkpointer: new MemoryCheckpointer() });
 * await counter.invoke({ count: 1 }, { runId: "r" });
 * const [newest, oldest] = await Array.fromAsync(counter.history("r"));
 * if (newest && oldest) {
 *   assertEquals(diffCheckpoints(oldest, newest), {
 *     fields: { count: { before: 1, after: 2 } },
 *     finished: ["add"],
 *   });
 * }
 * ```
 *
 * @param from The earlier checkpoint.
 * @param to The later one.
 */
export function diffCheckpoints<State extends object>(
  from: HistoryEntry<State>,
  to: HistoryEntry<State>,
): CheckpointDiff<State> {
  const before = new Map(Object.entries(from.state));
  const after = new Map(Object.entries(to.state));
  const names = new Set([...before.keys(), ...after.keys()]);
  const differing = [...names].filter((name) => !isSame(before.get(name), after.get(name)));
  const fields = differing.map((name) => [name, {
    ...(before.has(name) && { before: before.get(name) }),
    ...(after.has(name) && { after: after.get(name) }),
  }]);
  return {
    fields: Object.fromEntries(fields),
    finished: to.completedNodes.slice(from.completedNodes.length),
  };
}

function isSame(one: unknown, other: unknown): boolean {
  return Object.is(one, other) || isSameJson(encode(one, "state"), encode(other, "state"));
}
