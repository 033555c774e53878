/**
 * What a run has for the runs inside of its nodes, handed to them in the contexts of those nodes.
 *
 * @module
 */

import type { Checkpointer } from "./checkpointer.ts";
import type { NodeContext } from "./definition.ts";
import { rejected, type Rejection } from "./pause.ts";
import type { Recorder } from "./recorder.ts";

/** A run, as the runs inside of its nodes see it. */
export interface Host {
  /** Where it is kept; nowhere if absent. */
  readonly checkpointer: Checkpointer | undefined;
  /** Aborts when its worker is to let go of it, if another one can go on with it. */
  readonly draining: AbortSignal | undefined;
  /**
   * Makes sure that its worker has it still, and so may take what is inside from others.
   *
   * @throws {CheckpointConflictError} If another worker has it.
   */
  assertOurs(): Promise<void>;
}

/** What a node returns whose worker lets go of the run before the node can end; told by identity. */
export const UNFINISHED: Rejection = Object.freeze(rejected());

const HOST: unique symbol = Symbol("host");

/** Makes the host of a run. */
export function makeHost(
  checkpointer: Checkpointer | undefined,
  recorder: Recorder | undefined,
  draining: AbortSignal,
): Host {
  return {
    checkpointer,
    draining: recorder && draining,
    async assertOurs() {
      const lost = await recorder?.touch();
      if (lost !== undefined) throw lost;
    },
  };
}

/** What a context has besides what nodes are told. */
export function hosted(host: Host): object {
  return { [HOST]: host };
}

/** The host in a context; only nodes that hold runs have one. */
export function hostOf(context: NodeContext): Host | undefined {
  return isHosted(context) ? context[HOST] : undefined;
}

function isHosted(context: NodeContext): context is NodeContext & { readonly [HOST]: Host } {
  return HOST in context;
}
