/** The figures of one round of one peer; a peer has none of what it has no such thing for. */
export type Figures = { readonly [Name in FigureName]?: number };

/** Names of all figures. */
export type FigureName =
  | "engineUs"
  | "appendingMs"
  | "appendingBytes"
  | "carryingMs"
  | "carryingBytes"
  | "fanOutMs"
  | "fewRunsPerSecond"
  | "manyRunsPerSecond"
  | "resumeMs";

/** What one process found out. */
export interface Round {
  /** How the peer was set up. */
  readonly setUp: string;
  /** What was measured. */
  readonly figures: Figures;
}

/** The middle of some figures, and how far they went. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** The spread of some figures; `undefined` if there are none. */
export function spreadOf(figures: readonly number[]): Spread | undefined {
  const sorted = figures.toSorted((one, other) => one - other);
  const [low, high] = [sorted.at(0), sorted.at(-1)];
  if (low === undefined || high === undefined) return undefined;
  return { median: medianOf(figures), low, high };
}

/** The figure in the middle; of an even number of them, the mean of the two there. */
export function medianOf(figures: readonly number[]): number {
  const sorted = figures.toSorted((one, other) => one - other);
  const half = sorted.length / 2;
  const [below = NaN, above = NaN] = [sorted[Math.ceil(half) - 1], sorted[Math.floor(half)]];
  return (below + above) / 2;
}
