/**
 * What the suite asks of a backend before it can test it.
 *
 * @module
 */

import type { Checkpointer } from "../../mod.ts";

/** An empty store that one test has for itself. */
export interface Store {
  /** An instance over the store. */
  readonly checkpointer: Checkpointer;
  /** Another instance over the same store, as another process would open it. */
  again(): Checkpointer | Promise<Checkpointer>;
  /** Disposes of all instances and removes what is stored. */
  close(): Promise<void>;
}

/** Opens stores of one backend. */
export interface Harness {
  /** Why the suite cannot run here, where it cannot: its tests are then ignored. */
  readonly ignore?: string;
  /** Opens a store that nobody else uses. */
  open(): Promise<Store>;
}

/** Registers a test of one behaviour over a store of its own. */
export type Test = (behaviour: string, body: (store: Store) => Promise<void>) => void;
