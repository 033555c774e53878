/**
 * What a worker is told.
 *
 * @module
 */

import type { Durability } from "../../mod.ts";

/** How a worker comes by a run whose worker is dead. */
export type Way = "recover" | "take over";

/** One journey, and how it is to be worked on. */
export interface Order {
  /** Name of the pipeline: nobody else works on its runs at the same time. */
  readonly pipelineName: string;
  /** Id of the run. */
  readonly runId: string;
  /** The file to which every node appends the id of its task. */
  readonly effects: string;
  /** How far the run may get ahead of its checkpoints. */
  readonly durability: Durability;
  /** How long a worker is taken for alive, in milliseconds. */
  readonly leaseMs: number;
  /** How the worker comes by the run. */
  readonly way: Way;
}
