/**
 * What a comparison found, as it is kept in `results.json`: everything that is shown is made of it.
 *
 * @module
 */

import { type FigureName, type Figures, type Spread, spreadOf } from "./figures.ts";
import type { Machine } from "./machine.ts";
import type { Sizes } from "./sizes.ts";

/** A comparison. */
export interface Results {
  /** The day, ISO 8601 in UTC. */
  readonly date: string;
  readonly machine: Machine;
  /** Versions of the packages that the peers are made of. */
  readonly packages: readonly string[];
  readonly sizes: Sizes;
  readonly peers: readonly PeerResults[];
}

/** What was found of one peer. */
export interface PeerResults {
  readonly id: string;
  readonly name: string;
  readonly shortName: string;
  readonly setUp: string;
  /** Its figures, round by round. */
  readonly rounds: readonly Figures[];
}

/** How one figure of a peer came out; `undefined` if it has no such thing. */
export function spread({ rounds }: PeerResults, name: FigureName): Spread | undefined {
  return spreadOf(rounds.flatMap((figures) => figures[name] ?? []));
}
