/**
 * A checkpointer that fails at one named point: before something happens, after it happened, or by
 * never answering.
 *
 * @module
 */

import type {
  CheckpointChange,
  Checkpointer,
  CheckpointRecord,
  ListRunsOptions,
  LoadedRecord,
  RunSummary,
} from "../mod.ts";

/** What may be asked of a store while a run goes on. A claim is the save with which a call goes on with a run. */
export const OPERATIONS = ["save", "claim", "load", "touch"] as const;

/** One of them; a claim counts as a save too. */
export type Operation = typeof OPERATIONS[number];

/** One operation that fails, and how. */
export interface FaultPoint {
  /** What fails. */
  readonly at: Operation;
  /** 1 for the first time that it is asked for. */
  readonly nth: number;
  /** Before it happens, after it happened but before the answer, or never answered. */
  readonly how: "before" | "after" | "hang";
}

/** What the store throws at the point. */
export class FaultError extends Error {
  override readonly name = "FaultError";

  /** Takes the point. */
  constructor(point: FaultPoint | undefined) {
    super(`The store failed at ${point && nameOf(point)}`);
  }
}

/** A point as a test names it. */
export function nameOf({ at, nth, how }: FaultPoint): string {
  return `${at} ${nth} ${how}`;
}

/** Passes everything on to a store, but for one point. */
export class FaultyCheckpointer implements Checkpointer {
  /** How often each operation was asked for. */
  readonly calls: Record<Operation, number> = { save: 0, claim: 0, load: 0, touch: 0 };
  /** Resolves when the operation at the point hangs. */
  readonly hangs: Promise<void>;
  /** Whether the point was met. */
  isMet = false;
  readonly #store: Checkpointer;
  readonly #point: FaultPoint | undefined;
  readonly #isDeadly: boolean;
  readonly #hanging = Promise.withResolvers<void>();
  #touched = Promise.withResolvers<void>();
  #saving = 0;
  #late: () => Promise<unknown> = () => Promise.resolve();

  /**
   * Takes the store, and the point; without one it only counts.
   *
   * @param isDeadly Whether the process dies at the point: nothing gets through after it.
   */
  constructor(store: Checkpointer, point?: FaultPoint, isDeadly = false) {
    this.#store = store;
    this.#point = point;
    this.#isDeadly = isDeadly;
    this.hangs = this.#hanging.promise;
  }

  /**
   * Resolves when the store is told the next time that the run's worker is alive, and nothing is being
   * saved.
   */
  get heard(): Promise<void> {
    return this.#touched.promise;
  }

  /** Lets what hangs happen now; tells how that ended, which nobody waits for any more. */
  async happenLate(): Promise<unknown> {
    return await this.#late();
  }

  /** Saves, which may be a claim. */
  async save(record: CheckpointRecord, change?: CheckpointChange): Promise<void> {
    const operations: Operation[] = record.resume === undefined ? ["save"] : ["save", "claim"];
    this.#saving++;
    try {
      await this.#do(operations, (store) => store.save(record, change));
    } finally {
      this.#saving--;
    }
  }

  /** Loads. */
  async loadLatest(pipelineName: string, runId: string): Promise<LoadedRecord | undefined> {
    return await this.#do(["load"], (store) => store.loadLatest(pipelineName, runId));
  }

  /** Touches. */
  async touch(pipelineName: string, runId: string, writer: string): Promise<boolean> {
    const answer = this.#do(
      ["touch"],
      async (store) => await store.touch?.(pipelineName, runId, writer) ?? true,
    );
    if (this.#saving === 0) {
      this.#touched.resolve();
      this.#touched = Promise.withResolvers();
    }
    return await answer;
  }

  /** Passes on. */
  listRuns(pipelineName: string, options?: ListRunsOptions): AsyncIterable<RunSummary> {
    return this.#alive().listRuns(pipelineName, options);
  }

  /** Passes on. */
  history(pipelineName: string, runId: string): AsyncIterable<CheckpointRecord> {
    return this.#alive().history(pipelineName, runId);
  }

  /** Passes on. */
  async deleteRun(pipelineName: string, runId: string): Promise<void> {
    await this.#alive().deleteRun(pipelineName, runId);
  }

  async #do<T>(
    operations: readonly Operation[],
    operation: (store: Checkpointer) => Promise<T>,
  ): Promise<T> {
    for (const name of operations) this.calls[name]++;
    const store = this.#alive();
    const { at = "save", nth = 0, how } = this.#point ?? {};
    const isPoint = operations.includes(at) && this.calls[at] === nth;
    if (!isPoint) return await operation(store);
    this.isMet = true;
    if (how === "after") await operation(store);
    if (how !== "hang") throw new FaultError(this.#point);
    this.#late = () => operation(store);
    this.#hanging.resolve();
    return await new Promise<never>(() => {});
  }

  #alive(): Checkpointer {
    if (this.#isDeadly && this.isMet) throw new FaultError(this.#point);
    return this.#store;
  }
}
