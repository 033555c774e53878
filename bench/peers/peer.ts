/**
 * What every peer is asked to do. A peer does it in its own best way, as its documentation says, and
 * every step is durable before the next one begins, unless a workload says otherwise.
 *
 * @module
 */

/** The workloads. A peer leaves out what it has no such thing for. */
export interface Workloads {
  /** A run of so many steps that do next to nothing, with no store at all. */
  withoutStore(steps: number): Promise<void>;
  /** A run of so many steps, in a cycle; step `n` appends `itemOf(n)` to a list. */
  appending(steps: number): Promise<void>;
  /** A run of so many steps whose state holds a text that none of them changes. */
  carrying(text: string, steps: number): Promise<void>;
  /** A run that fans out to so many workers side by side and gathers what they return. */
  fanOut(workers: number): Promise<void>;
  /** A run of so many steps with a small state; the caller starts many side by side. */
  short(steps: number): Promise<void>;
  /** Makes a run that takes so many steps like those of `appending` and stops before the next. */
  stopped(steps: number): Promise<Resume>;
}

/**
 * Goes on with a stopped run, until its next step has begun, and stops it again.
 *
 * @returns Milliseconds from the call to the beginning of that step.
 */
export type Resume = () => Promise<number>;

/** A peer that is ready to work. */
export interface Peer extends Partial<Workloads>, AsyncDisposable {
  /** How it is set up, in a few words, for whoever reads the figures. */
  readonly setUp: string;
}

/** Makes a peer ready on an empty database. */
export type OpenPeer = (dsn: string) => Promise<Peer>;

/** Letters of an item. */
export const ITEM_BYTES = 50;

const ITEMS = 1_000;
const NOISE = noise(ITEMS * ITEM_BYTES);

/** What a step appends: {@linkcode ITEM_BYTES} letters that do not compress well. */
export function itemOf(step: number): string {
  const start = step % ITEMS * ITEM_BYTES;
  return NOISE.slice(start, start + ITEM_BYTES);
}

/** Letters in no order, the same in every process. */
export function noise(length: number): string {
  const bytes = new Uint8Array(Math.ceil(length * 3 / 4));
  // A generator of Marsaglia's (xorshift32): the figures of two runs are of the same bytes.
  let state = 2_463_534_242;
  for (let index = 0; index < bytes.length; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[index] = state & 0xff;
  }
  return bytes.toBase64().slice(0, length);
}

/** Refuses a figure for work that was not done. */
export function expect(what: string, found: unknown, expected: unknown): void {
  if (found !== expected) throw new Error(`Cannot count ${what}: ${found}, not ${expected}`);
}
