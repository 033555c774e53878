/**
 * Where a run goes on when tasks failed whose nodes have an `onError`.
 *
 * @module
 */

import type { PendingEdge } from "./checkpoint_record.ts";
import { RouteError, type Target } from "./edges.ts";
import type { MaybePromise } from "./definition.ts";
import type { Plan } from "./plan.ts";
import type { FailureRecord } from "./task_record.ts";

/** Whether a visit failed, so that its node's `onError` follows in the place of its edge. */
export function isFailed({ error }: PendingEdge): boolean {
  return error !== undefined;
}

/**
 * Asks the edges of the visits that finished, and adds the nodes that take the failures of the
 * others. One that was asked for anyway runs once, and is told of the failures.
 *
 * @throws {RouteError} If a node has no `onError` any more.
 */
export async function targetsWithFailures<State extends object>(
  pendingEdges: readonly PendingEdge[],
  plan: Plan<State>,
  ask: (edges: readonly PendingEdge[]) => MaybePromise<readonly Target[]>,
): Promise<readonly Target[]> {
  const left = failuresByHandler(pendingEdges, plan);
  const asked = await ask(pendingEdges.filter((edge) => !isFailed(edge)));
  const targets = asked.map((target) => {
    const failures = left.get(target.node);
    if (failures === undefined || target.payload !== undefined) return target;
    left.delete(target.node);
    return { ...target, failures };
  });
  return [...targets, ...Array.from(left, ([node, failures]) => ({ node, failures }))];
}

function failuresByHandler<State extends object>(
  pendingEdges: readonly PendingEdge[],
  { name, nodes }: Plan<State>,
): Map<string, readonly FailureRecord[]> {
  const failures = new Map<string, readonly FailureRecord[]>();
  for (const { node, visit, error } of pendingEdges) {
    if (error === undefined) continue;
    const handler = nodes.get(node)?.onError;
    if (handler === undefined) throw new RouteError(node, { cause: noHandler(node, name) });
    failures.set(handler, [...failures.get(handler) ?? [], { node, visit, error }]);
  }
  return failures;
}

function noHandler(node: string, pipelineName: string): TypeError {
  return new TypeError(
    `Cannot go on after node "${node}" of pipeline "${pipelineName}" failed: it had an onError when ` +
      "it did, and has none any more; bring it back, and resume",
  );
}
