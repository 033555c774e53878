/** One pipeline in three versions, for the tests of versions. */

import {
  append,
  type Checkpointer,
  definePipeline,
  END,
  type Migrations,
  pause,
  unchecked,
} from "../mod.ts";

export interface Order1 {
  readonly name: string;
  readonly price: number;
}

export interface Order2 {
  readonly firstName: string;
  readonly price: number;
}

export interface Order3 {
  readonly firstName: string;
  readonly cents: bigint;
  readonly log: readonly string[];
}

/** Pauses, and completes with a state of the first version. */
export function ordersV1(checkpointer: Checkpointer) {
  return definePipeline({
    name: "orders",
    state: unchecked<Order1>(),
    nodes: { ask: () => pause("ship?"), ship: (state) => ({ price: state.price + 1 }) },
    start: "ask",
    edges: { ask: "ship", ship: END },
  }, { checkpointer });
}

export function ordersV3(checkpointer: Checkpointer, migrate: Migrations) {
  return definePipeline({
    name: "orders",
    version: 3,
    migrate,
    state: unchecked<Order3>(),
    reducers: { log: append },
    nodes: { ask: () => pause("ship?"), ship: (state) => ({ log: `${state.cents} cents` }) },
    start: "ask",
    edges: { ask: "ship", ship: END },
  }, { checkpointer });
}

export function toOrder2({ name, price }: Order1): Order2 {
  return { firstName: name, price };
}

export function toOrder3({ firstName, price }: Order2): Order3 {
  return { firstName, cents: BigInt(price * 100), log: [] };
}

export const YES = { approvePause: true } as const;
