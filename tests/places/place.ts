/**
 * Empty stores that processes share, and what is found in them besides their runs.
 *
 * @module
 */

import { filePlace } from "./file_place.ts";
import type { Address, Backend } from "./open.ts";
import { postgresPlaces } from "./postgres_place.ts";
import { redisPlaces } from "./redis_place.ts";

/** Something that befalls a store while it is used, and passes. */
export interface Fault {
  /** What happens, in the plural. */
  readonly name: string;
  /** Lets it happen, and comes back when it is over, if it lasts. */
  inject(): Promise<void>;
}

/** A store of its own, removed when it is disposed of. */
export interface Place extends AsyncDisposable {
  /** What processes are told. */
  readonly address: Address;
  /**
   * What is there that belongs to no checkpoint, once every process that used it is gone: drafts,
   * locks, connections. Waits for what is only about to go.
   */
  strays(): Promise<readonly string[]>;
  /** All that is stored, in the store's own words. */
  contents(): Promise<readonly string[]>;
  /** What may befall it; nothing that was stored is lost by that. */
  readonly faults: readonly [Fault, ...Fault[]];
}

/** Makes an empty one. */
export type MakePlace = () => Promise<Place>;

/** Starts the server that a backend needs, one for all places of this process. */
export function placesOf(backend: Backend): Promise<MakePlace> {
  switch (backend) {
    case "file":
      return Promise.resolve(filePlace);
    case "postgres":
      return postgresPlaces();
    case "redis":
      return redisPlaces();
  }
}
