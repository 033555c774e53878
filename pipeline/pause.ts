/**
 * Pauses: what a node returns to stop its run until somebody says yes or no.
 *
 * @module
 */

import { KIND } from "./definition.ts";
import type { PendingPause } from "./errors.ts";

/** What a node returns to stop the run until someone approves. Made by {@linkcode pause}. */
export interface Pause {
  /** Marks the value. */
  readonly [KIND]: "pause";
  /** What is to be approved. */
  readonly reason: string;
  /** What the approver is shown. */
  readonly payload?: unknown;
  /** For how many milliseconds it may be approved. */
  readonly expiresInMs?: number;
  /** Until when it may be approved, ISO 8601 in UTC: of a pause that stands for another one. */
  readonly expiresAt?: string;
  /** Whether the answer sends its task back into the node. */
  readonly reenter?: boolean;
}

/** What a node may say of its pause besides the reason. */
export interface PauseOptions {
  /** What the approver is shown: any value that a state may hold. */
  readonly payload?: unknown;
  /** For how many milliseconds the pause may be approved. Default: for ever. */
  readonly expiresInMs?: number;
  /**
   * Runs the node again when it is answered, as the same task: same visit, same `taskId`, its context's
   * `reentry` with what was said, be it yes or no. The visit counts as completed only when the node
   * returns something else, and until then its step is under way: tasks beside it that finished do not
   * run again, and what they did is folded when the step ends. The node may pause as often as it
   * likes, each pause has an id of its own and needs an answer of its own. Default `false`: the node
   * counts as completed, and its edge is asked after the approval.
   */
  readonly reenter?: boolean;
}

/** What was said to a pause that re-enters its node. */
export interface PauseAnswer {
  /** The pause, as the approver saw it. */
  readonly pause: PendingPause;
  /** Whether it was approved; rejected if not. */
  readonly approved: boolean;
  /** Time of the answer, ISO 8601 in UTC. */
  readonly at: string;
  /** Who answered, if the caller said so. */
  readonly by?: string;
  /** Why it was rejected, if the caller said so. */
  readonly reason?: string;
  /** What came with the approval. */
  readonly answer?: unknown;
}

/** What a node returns to end as rejected. Made by {@linkcode rejected}. */
export interface Rejection {
  /** Marks the value. */
  readonly [KIND]: "rejection";
}

/**
 * Stops the run after this node until `resume` is called with `approvePause: true`. The node
 * counts as completed and does not run again, unless `reenter` asks for that.
 *
 * @param reason What is to be approved, for the person who is asked.
 * @param options What that person is shown, and for how long the answer is waited for.
 * @throws {RangeError} If `expiresInMs` is no number above 0.
 */
export function pause(
  reason: string,
  { payload, expiresInMs, reenter = false }: PauseOptions = {},
): Pause {
  if (expiresInMs !== undefined && !(typeof expiresInMs === "number" && expiresInMs > 0)) {
    throw new RangeError(
      `Cannot pause for ${expiresInMs} ms: expiresInMs must be a number above 0`,
    );
  }
  const shown = payload === undefined ? {} : { payload };
  const expiry = expiresInMs === undefined ? {} : { expiresInMs };
  return { [KIND]: "pause", reason, ...shown, ...expiry, ...(reenter && { reenter }) };
}

/**
 * Ends a node as the rejection of a pause does: nothing is folded, and the run goes on at the
 * `rejected` target of the node's edge, or is cancelled where the edge has none. For nodes that
 * {@linkcode pause} with `reenter` and are told of a rejection.
 */
export function rejected(): Rejection {
  return { [KIND]: "rejection" };
}

/** Whether a value was made by {@linkcode pause}. */
export function isPause(value: unknown): value is Pause {
  return kindOf(value) === "pause";
}

/** Whether a value was made by {@linkcode rejected}. */
export function isRejection(value: unknown): value is Rejection {
  return kindOf(value) === "rejection";
}

function kindOf(value: unknown): unknown {
  return typeof value === "object" && value !== null && KIND in value ? value[KIND] : undefined;
}
