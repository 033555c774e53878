/**
 * How far a run may get ahead of its checkpoints.
 *
 * @module
 */

import { quoted } from "./errors.ts";

/**
 * What a run waits for before it goes on. Sequence 0 and the claim of a resume are always stored
 * before a node runs, and everything is stored before the call comes back. A crash in between loses
 * what was not stored, that is, it runs again when the run is resumed:
 *
 * - `"sync"`: the step that is under way, in a fan-out only its tasks that are. Every step is stored
 *   before the next one begins, and every task of a fan-out when it finishes.
 * - `"async"`: the step that is under way, and at most the one before. A step is being stored while
 *   the next one runs; the one after that does not begin before it is stored. If it cannot be, the
 *   signal of the nodes that run aborts, and the call rejects when they have ended.
 * - `"exit"`: every step since the call began. They are stored, as one checkpoint, when the run
 *   completes, pauses, fails or is cancelled.
 */
export type Durability = "sync" | "async" | "exit";

const DURABILITIES: readonly Durability[] = ["sync", "async", "exit"];

/**
 * Looks at what callers without a compiler may pass.
 *
 * @throws {TypeError} If it is no {@linkcode Durability}.
 */
export function checkDurability(durability: unknown, pipelineName: string): void {
  if (DURABILITIES.some((known) => known === durability)) return;
  const shown = typeof durability === "string" ? `"${durability}"` : String(durability);
  throw new TypeError(
    `Cannot define pipeline "${pipelineName}": durability is ${shown}, and must be one of ` +
      quoted(DURABILITIES),
  );
}

/** A checkpoint that is ready to be stored. */
export type Write = () => Promise<void>;

/** Stores checkpoints one after the other, when the durability asks for it. */
export interface WriteQueue {
  /** Resolves when the run may go on; throws what it threw to store this one or one before. */
  add(write: Write): Promise<void>;
  /** Resolves when all that was added is stored; throws what it threw to store it. */
  settled(): Promise<void>;
}

/**
 * Makes the queue of one call.
 *
 * @param onFailure Is told at once when storing fails while the run goes on.
 */
export function makeWriteQueue(
  durability: Durability,
  onFailure: (error: unknown) => void,
): WriteQueue {
  switch (durability) {
    case "sync":
      return { add: (write) => write(), settled: () => Promise.resolve() };
    case "async":
      return overlapping(onFailure);
    case "exit":
      return latestOnly();
  }
}

/** At most one write is under way: the next one waits for it. None follows one that failed. */
function overlapping(onFailure: (error: unknown) => void): WriteQueue {
  let underWay = Promise.resolve();
  return {
    async add(write) {
      await underWay;
      underWay = write();
      underWay.catch(onFailure);
    },
    settled: () => underWay,
  };
}

/** Each checkpoint takes the place of the one before, which it contains. */
function latestOnly(): WriteQueue {
  let latest: Write | undefined;
  return {
    // deno-lint-ignore require-await -- nothing to wait for
    async add(write) {
      latest = write;
    },
    async settled() {
      const write = latest;
      latest = undefined;
      await write?.();
    },
  };
}
