/**
 * Chance that can be repeated.
 *
 * @module
 */

/** Draws numbers, the same ones for the same seed. */
export interface Random {
  /** A whole number from 0 up to, and without, `limit`. */
  below(limit: number): number;
  /** One of some items. */
  pick<Item>(items: readonly [Item, ...Item[]]): Item;
}

/**
 * Begins a sequence of draws.
 * Source: Mulberry32, https://gist.github.com/tommyettinger/46a874533244883189143505d203312c
 */
export function makeRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  return {
    below,
    pick: (items) => items[below(items.length)] ?? items[0],
  };
}
