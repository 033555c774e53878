/**
 * What a worker process of a fan-out is told, and the fan-out.
 *
 * @module
 */

/** Name of the pipeline. */
export const CENSUS = "census";

/** Tasks of the fan-out. */
export const WIDTH = 100;

/** The one run, and how it is to be worked on. */
export interface Order {
  /** Id of the run. */
  readonly runId: string;
  /** The file to which every task appends its visit when it begins. */
  readonly begun: string;
  /** Whether the first task comes to its end, which it must for the run to end. */
  readonly isLast: boolean;
}

/** What a task answers. */
export function answerOf(item: number): string {
  return `house ${item}`;
}
