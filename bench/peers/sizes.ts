/** How large the workloads are. */
export interface Sizes {
  /** Steps of a run without a store. */
  readonly noOpSteps: number;
  /** Steps of the cycle that appends an item a step. */
  readonly appendingSteps: number;
  /** Steps over a field that stays as it is. */
  readonly carryingSteps: number;
  /** Letters of that field. */
  readonly carriedBytes: number;
  /** Workers of the fan-out. */
  readonly workers: number;
  /** Runs side by side, few of them. */
  readonly fewRuns: number;
  /** Runs side by side, many of them. */
  readonly manyRuns: number;
  /** Steps of each of these. */
  readonly shortSteps: number;
  /** Other runs in the store when one is resumed. */
  readonly otherRuns: number;
  /** Steps of each of these. */
  readonly otherSteps: number;
  /** How often a stopped run is resumed. */
  readonly resumes: number;
}

/** Those of the published figures. */
export const FULL: Sizes = {
  noOpSteps: 1_000,
  appendingSteps: 1_000,
  carryingSteps: 100,
  carriedBytes: 1_000_000,
  workers: 1_000,
  fewRuns: 50,
  manyRuns: 200,
  shortSteps: 20,
  otherRuns: 1_000,
  otherSteps: 5,
  resumes: 10,
};

/**
 * Enough to see that everything works, and for the compilers to have seen the code before anything
 * is measured.
 */
export const QUICK: Sizes = {
  noOpSteps: 100,
  appendingSteps: 100,
  carryingSteps: 10,
  carriedBytes: 100_000,
  workers: 100,
  fewRuns: 20,
  manyRuns: 40,
  shortSteps: 10,
  otherRuns: 50,
  otherSteps: 5,
  resumes: 2,
};
