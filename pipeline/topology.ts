/**
 * A pipeline's nodes and edges as plain data.
 *
 * @module
 */

import { END, isSend } from "./definition.ts";
import { declaredTargets, isRouted } from "./edges.ts";

/** A pipeline as plain data; the end of a run is `null`. */
export interface Topology {
  /** Name of the pipeline. */
  readonly name: string;
  /** The node that runs first. */
  readonly start: string;
  /** The nodes, in the order of the definition. */
  readonly nodes: readonly string[];
  /** What is known of where each edge leads; `dynamic` where a function decides freely. */
  readonly edges: readonly TopologyEdge[];
}

/** One arrow between two nodes. */
export type TopologyEdge =
  | {
    readonly from: string;
    /** The node that follows, `null` at the end of a run. */
    readonly to: string | null;
    /** Whether a function decides if the edge is taken. */
    readonly routed: boolean;
    /** The answer that leads there, where it has a name of its own. */
    readonly label?: string;
    /** Whether it is taken when the node fails, in the place of the others. */
    readonly onError?: true;
  }
  | { readonly from: string; readonly dynamic: true };

/** The topology of a plan. */
export function topologyOf(
  { name, start, edges, nodes }: {
    readonly name: string;
    readonly start: string;
    readonly edges: ReadonlyMap<string, unknown>;
    readonly nodes: ReadonlyMap<string, { readonly onError?: string }>;
  },
): Topology {
  return {
    name,
    start,
    nodes: [...edges.keys()],
    edges: [...edges].flatMap(([from, edge]) => {
      const to = nodes.get(from)?.onError;
      const fixed = edgesOf(from, edge);
      return to === undefined ? fixed : [...fixed, { from, to, routed: false, onError: true }];
    }),
  };
}

function edgesOf(from: string, edge: unknown): readonly TopologyEdge[] {
  if (typeof edge === "function") return [{ from, dynamic: true }];
  if (isRouted(edge)) {
    const rejected = edge.rejected === undefined ? [] : [["rejected", edge.rejected] as const];
    return [...declaredTargets(edge.to), ...rejected].map(([label, target]) =>
      label === undefined
        ? { from, to: nameOf(target), routed: true }
        : { from, to: nameOf(target), routed: true, label }
    );
  }
  const targets: readonly unknown[] = Array.isArray(edge) ? edge : [edge];
  const fixed = targets.length === 0 ? [END] : targets;
  return fixed.map((target) => ({ from, to: nameOf(target), routed: false }));
}

function nameOf(target: unknown): string | null {
  if (target === END) return null;
  return isSend(target) ? target.node : String(target);
}
