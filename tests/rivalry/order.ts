/**
 * What a rival is told, and what it tells.
 *
 * @module
 */

/** The pipeline whose runs are fought over. */
export const RIVALRY = "rivalry";

/** What a rival does to a run. */
export type Operation =
  | "invoke"
  | "resume"
  | "take over"
  | "recover"
  | "approve"
  | "cancel"
  | "delete";

/** What a rival is to do. */
export interface Order {
  /** Where its draws begin. */
  readonly seed: number;
  /** The runs that all rivals share. */
  readonly runIds: readonly [string, ...string[]];
  /** It begins no operation after so many. */
  readonly operations: number;
  /** It begins no operation after so many milliseconds. */
  readonly forMs: number;
  /** The file to which it writes what it was told was saved. */
  readonly savesFile: string;
}

/** A save that came back. */
export interface Saved {
  /** Id of the run. */
  readonly runId: string;
  /** The sequence that was saved. */
  readonly sequence: number;
  /** Who saved it. */
  readonly writer: string;
}

/** What a rival did: how often each operation had each outcome. */
export interface Report {
  /** By operation and outcome, as `resume: RunActiveError`. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** What should not have been thrown, or come back. */
  readonly surprises: readonly string[];
}
